// A segmentation service: POST a picture to /labels (PNG of train ids) or /overlay (JPEG). Settings come from the environment.
import { createServer } from 'node:http';
import { loadModel, presetClasses, SteadysegError, shippedModelPath } from 'steadyseg';
import { encodeLabelMap, encodePicture, overlay, readPicture } from 'steadyseg/media';

/** What cannot be started with is said in a line. */
function endWith(words) {
  console.error(words);
  process.exit(1);
}

const setting = (name, fallback) => {
  const value = Number(process.env[name] ?? fallback);
  if (!Number.isInteger(value) || value < 0) endWith(`${name}: expected a whole number, found ${process.env[name]}`);
  return value;
};
const port = setting('PORT', 8081);
/** Bytes of an upload, and pixels of its picture. */
const maxBytes = setting('MAX_BYTES', 20_000_000);
const maxPixels = setting('MAX_PIXELS', 20_000_000);
/** Pictures segmented side by side, and uploads that may wait for their turn. */
const concurrency = setting('CONCURRENCY', 2);
const maxWaiting = setting('MAX_WAITING', 16);

const model = await loadFrom(process.env).catch((error) => {
  if (!(error instanceof SteadysegError)) throw error;
  endWith(error.message);
});

/** @param PRESET what the classes are, where the file does not say it: cityscapes, … */
async function loadFrom({ MODEL, PRESET }) {
  const classes = PRESET ? presetClasses(PRESET) : undefined;
  return loadModel(MODEL ?? (await shippedModelPath('camvid-steady')), { classes });
}

/** What a client is told: its fault (4xx), or that it should come again (503). */
class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Runs at most `concurrency` pieces of work; the others wait in order, and leave the queue when their client goes. */
const queue = [];
let running = 0;
let segmented = 0;
async function inTurn(signal, work) {
  if (running >= concurrency) {
    if (queue.length >= maxWaiting) throw new HttpError(503, 'busy: try again in a moment');
    await new Promise((resolve, reject) => {
      const entry = { resolve };
      queue.push(entry);
      signal.addEventListener('abort', () => {
        const at = queue.indexOf(entry);
        if (at < 0) return;
        queue.splice(at, 1);
        reject(signal.reason);
      });
    });
  } else running++;
  try {
    signal.throwIfAborted();
    return await work();
  } finally {
    // The place goes to the next in the queue, or is free.
    const next = queue.shift();
    if (next) next.resolve();
    else running--;
  }
}

/** The body, refused as soon as it is known to be too long. */
async function bodyOf(request) {
  const tooLong = new HttpError(413, `expected at most ${maxBytes} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLong;
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > maxBytes) throw tooLong;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const answers = {
  '/labels': { type: 'image/png', encode: (_, labels) => encodeLabelMap(labels) },
  '/overlay': {
    type: 'image/jpeg',
    encode: (image, labels) => encodePicture(overlay(image, labels, model.classes), 'jpeg'),
  },
};

async function answer(request, response, signal) {
  const { pathname } = new URL(request.url, 'http://localhost');
  if (request.method === 'GET' && pathname === '/health') {
    response.setHeader('content-type', 'application/json');
    return response.end(JSON.stringify({ running, waiting: queue.length, segmented, classes: model.classes.classes }));
  }
  const kind = Object.hasOwn(answers, pathname) ? answers[pathname] : undefined;
  if (!kind) throw new HttpError(404, `expected ${Object.keys(answers).join(', ')} or /health`);
  if (request.method !== 'POST') throw new HttpError(405, 'expected POST with a picture as the body');
  const body = await bodyOf(request);
  if (request.headers['content-type']?.startsWith('multipart/')) {
    throw new HttpError(415, 'expected the picture itself as the body (curl --data-binary @picture.jpg), found a form');
  }
  const bytes = await inTurn(signal, async () => {
    const image = await readPicture(body);
    if (image.width * image.height > maxPixels) throw new HttpError(413, `expected at most ${maxPixels} pixels`);
    const { labels } = await model.segment(image);
    segmented++;
    signal.throwIfAborted();
    return await kind.encode(image, labels);
  });
  response.setHeader('content-type', kind.type);
  response.end(bytes);
}

const server = createServer((request, response) => {
  const gone = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) gone.abort(new Error('the client has gone'));
  });
  answer(request, response, gone.signal).catch((error) => {
    if (gone.signal.aborted || response.headersSent) return response.destroy();
    // What the library says of a picture is for the one who sent it; anything else is for the log.
    const status = error instanceof HttpError ? error.status : error instanceof SteadysegError ? 422 : 500;
    if (status === 500) console.error(error);
    response.writeHead(status, {
      'content-type': 'text/plain; charset=utf-8',
      ...(status === 503 && { 'retry-after': '1' }),
      // The rest of an upload that was refused is not read.
      ...(!request.complete && { connection: 'close' }),
    });
    response.end(`${status === 500 ? 'something went wrong' : error.message}\n`);
  });
});
server.on('error', (error) => {
  if (error.code !== 'EADDRINUSE') throw error;
  endWith(`port ${port} is taken: PORT=${port + 1} takes another`);
});
server.listen(port, () => console.log(`http://localhost:${server.address().port}`));

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close(() => model.release());
    server.closeIdleConnections();
  });
}
