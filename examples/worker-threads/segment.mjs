// Segments pictures on threads of one's own: node segment.mjs THREADS PICTURE…; each thread has a session on one core.
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { loadModel, presetClasses, shippedModelPath } from 'steadyseg';
import { readPicture } from 'steadyseg/media';

if (isMainThread) await distribute();
else await segmentWhatComes();

/** Hands the next picture to whichever thread is free. */
async function distribute() {
  const [threads, ...pictures] = process.argv.slice(2);
  const { classes } = presetClasses('camvid');
  const left = [...pictures];
  const finished = Array.from({ length: Math.min(Number(threads), pictures.length) }, async () => {
    const worker = new Worker(new URL(import.meta.url));
    const once = (message) =>
      new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
        worker.postMessage(message);
      });
    for (let picture = left.shift(); picture !== undefined; picture = left.shift()) {
      const { error, width, height, labels } = await once(picture);
      if (error) {
        console.log(`${picture}: ${error}`);
        process.exitCode = 1;
        continue;
      }
      const counts = classes.map((name, id) => [name, labels.filter((label) => label === id).length / labels.length]);
      const [name, share] = counts.reduce((most, one) => (one[1] > most[1] ? one : most));
      console.log(`${picture}: ${width}×${height}, ${(100 * share).toFixed(1)} % ${name}`);
    }
    worker.postMessage(null);
  });
  await Promise.all(finished);
}

/** Answers every path with labels, whose memory is handed over; ends at null. */
async function segmentWhatComes() {
  const model = await loadModel(await shippedModelPath('camvid-steady'), { threads: 1 });
  parentPort.on('message', async (path) => {
    if (path === null) {
      await model.release();
      return parentPort.close();
    }
    try {
      const { width, height, data } = (await model.segment(await readPicture(path))).labels;
      parentPort.postMessage({ width, height, labels: data }, [data.buffer]);
    } catch (error) {
      parentPort.postMessage({ error: error.message });
    }
  });
}
