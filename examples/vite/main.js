// Segments a picture in the browser: the network runs in a worker, so the page answers meanwhile.
import { canvasOfImage, configureWebEngine, imageOfCanvas, loadModel, overlay } from 'steadyseg/web';

configureWebEngine({ worker: true });

const [network, picture] = ['network', 'picture'].map((id) => document.getElementById(id));
const status = document.getElementById('status');
const canvas = document.getElementById('canvas');
const context = canvas.getContext('2d');

async function segment() {
  if (!network.files[0] || !picture.files[0]) return;
  status.textContent = 'Segmenting …';
  try {
    const model = await loadModel(new Uint8Array(await network.files[0].arrayBuffer()));
    const bitmap = await createImageBitmap(picture.files[0]);
    Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
    context.drawImage(bitmap, 0, 0);
    const image = imageOfCanvas(context.getImageData(0, 0, canvas.width, canvas.height));
    const { labels, times } = await model.segment(image);
    const { data, width, height } = canvasOfImage(overlay(image, labels, model.classes));
    context.putImageData(new ImageData(data, width, height), 0, 0);
    status.textContent = `${width}×${height}: ${times.inference.toFixed(0)} ms in the network`;
    await model.release();
  } catch (error) {
    status.textContent = error.message;
  }
}

network.addEventListener('change', segment);
picture.addEventListener('change', segment);
