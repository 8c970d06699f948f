// The camera as frames: the newest one each time.
import { fitting, frameStem, pixelsOf, type Source } from './source.js';

/** @throws Error in words when there is none, or it is not allowed. */
export async function cameraSource(): Promise<Source> {
  if (!navigator.mediaDevices) throw new Error('The camera needs a page over https, or one of this machine.');
  const stream = await navigator.mediaDevices
    .getUserMedia({ video: { facingMode: 'environment' }, audio: false })
    .catch((thrown: unknown) => {
      const denied = thrown instanceof DOMException && thrown.name === 'NotAllowedError';
      throw new Error(
        denied
          ? 'The camera was not allowed: allow it in the address line of the browser.'
          : 'There is no camera that can be used.',
      );
    });
  const video = document.createElement('video');
  Object.assign(video, { muted: true, playsInline: true, srcObject: stream });
  await video.play();
  let open = true;
  return {
    name: 'the camera',
    live: true,
    clip: true,
    rate: () => undefined,
    count: () => undefined,
    async *frames(longerSide) {
      for (let index = 0; open; index++) {
        const size = fitting({ width: video.videoWidth, height: video.videoHeight }, longerSide);
        yield { image: pixelsOf(video, size), stem: frameStem(index) };
        // Lets a new frame come.
        await new Promise(requestAnimationFrame);
      }
    },
    close() {
      open = false;
      for (const track of stream.getTracks()) track.stop();
      video.srcObject = null;
    },
  };
}
