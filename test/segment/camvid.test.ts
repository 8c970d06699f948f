import { expect, it } from 'vitest';
import { presetClasses } from '#src/media/classes.js';
import { readLabelMap } from '#src/media/labels.js';
import { readPicture } from '#src/media/pictures.js';
import { loadModel } from '#src/segment/loadModel.js';
import { describeWithShared, sharedPath } from '../shared.js';

const network = 'models/espnet_camvid_360x480.onnx';
const goldens = 'goldens/metrics/espnet_camvid_val';

describeWithShared('ESPNet on CamVid', [network, goldens, 'data/camvid/val'], () => {
  it('labels at least 99.9 % of the pixels as the reference does', async () => {
    const model = await loadModel(sharedPath(network), { classes: presetClasses('camvid') });
    for (const stem of ['0016E5_07959', '0016E5_08043', '0016E5_08159']) {
      const { labels } = await model.segment(await readPicture(sharedPath('data/camvid/val', `${stem}.png`)));
      const expected = await readLabelMap(sharedPath(goldens, `${stem}.png`));
      const equal = labels.data.reduce((sum, label, i) => sum + (label === expected.data[i] ? 1 : 0), 0);
      expect(equal / labels.data.length).toBeGreaterThanOrEqual(0.999);
    }
    await model.release();
  });
});
