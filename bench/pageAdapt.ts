// Adapting on the page (`npm run web`, which has to run), used as a visitor does: time by stage, and of processors, of which a
// busy machine gives a part. Usage: npm run bench -- out/bench/pageAdapt.js --model espnet.onnx --input clip.mp4
// [--address http://127.0.0.1:8080] [--frames 30] [--side 256] [--updates 300] [--chromium /usr/bin/chromium]
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    input: { type: 'string' },
    address: { type: 'string', default: 'http://127.0.0.1:8080' },
    frames: { type: 'string', default: '30' },
    side: { type: 'string', default: '256' },
    updates: { type: 'string', default: '300' },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
  },
});
if (values.model === undefined || values.input === undefined) throw new Error('expected --model and --input');

const browser = await chromium.launch({
  executablePath: values.chromium,
  args: ['--no-sandbox', '--disable-gpu'],
});
const session = await browser.newBrowserCDPSession();

/** Seconds of processors that the browser has used. */
async function processorSeconds(): Promise<number> {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

try {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  await page.goto(values.address);
  const text = async (id: string) => (await page.locator(`#${id}`).textContent()) ?? '';
  console.log(await text('isolation'));
  await page.setInputFiles('#own', values.model);
  await page.setInputFiles('#media', values.input);
  while (!/^Frame /.test(await text('status'))) await page.waitForTimeout(200);
  await page.click('#play');
  for (const [field, value] of [
    ['frames', values.frames],
    ['steps', values.updates],
  ]) {
    await page.fill(`#adapt-${field}`, value);
  }
  if (await page.isEnabled('#adapt-side')) await page.fill('#adapt-side', values.side);
  await page.click('#adapt');
  const began = performance.now();
  let [said, started, used] = ['', began, await processorSeconds()];
  const first = used;
  const lap = async (now: string) => {
    const [time, processor] = [performance.now(), await processorSeconds()];
    if (said) console.log(`${said}: ${seconds(time - started)} s, ${(processor - used).toFixed(1)} s of processors`);
    [said, started, used] = [now, time, processor];
  };
  for (let ended = false; !ended; ) {
    await page.waitForTimeout(500);
    const problem = await text('adapt-error');
    const now = (await text('adapt-words')).replace(/^Loading.*/, 'Loading');
    if (problem) throw new Error(problem);
    ended = /^(Steadier|Not adapted)/.test(now);
    if (now !== said) await lap(now);
  }
  console.log(said);
  // biome-ignore lint/performance/useDomNodeTextContent: a locator, and lines are as they are shown
  console.log((await page.locator('#adapt-figures').innerText()).replaceAll('\n', '  '));
  const spent = ((await processorSeconds()) - first).toFixed(1);
  console.log(
    `in all: ${seconds(performance.now() - began)} s, ${spent} s of processors; load ${loadavg()[0].toFixed(1)}`,
  );
} finally {
  await browser.close();
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(1);
}
