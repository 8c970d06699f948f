// Trust: nothing is sent or left behind, results are proven to be one run's, and nothing of the user's is replaced.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readModel } from '#src/onnx/read.js';
import { writeModel } from '#src/onnx/write.js';
import { contenders } from './contenders.js';
import { type Case, contents, main, moment, refusal, steadyseg, success, successOrRefusal, tail } from './harness.js';
import type { Inputs } from './inputs.js';
import { completes, jobs, litter, wholeRun } from './jobs.js';
import { pageServer } from './pageServer.js';
import { powerCuts } from './powerCuts.js';
import { supplyChain } from './supplyChain.js';

const isRoot = process.getuid?.() === 0;

/** The commands that take over what an earlier run wrote. */
const resumable = jobs.filter(({ name }) => ['predict', 'pseudo-label', 'flow'].includes(name));

/** The commands that fill a folder. */
const ofFolders = jobs.filter(({ name }) => ['predict', 'pseudo-label', 'flow', 'toycity', 'train'].includes(name));

/** Arguments of `predict` over pictures. */
const predict = ({ network }: Inputs, input: string, out: string, ...more: string[]) => [
  ...['predict', input, '--model', network, '--preset', 'cityscapes', '--out', out, '--save', 'labels,color', ...more],
];

const telemetry: Case = {
  name: 'trust/telemetry',
  fault: 'an engine that collects usage data',
  promise: 'a run leaves nothing in a new home folder, and reaches for no network',
  async run({ inputs, folder }) {
    const faults: string[] = [];
    const canTrace = spawnSync('strace', ['-V']).status === 0;
    for (const [index, job] of jobs.entries()) {
      const trace = join(folder, `${job.name}.trace`);
      const before = canTrace ? ['strace', '-f', '-qq', '-e', 'trace=socket,connect,sendto', '-o', trace] : [];
      const home = join(folder, `home${index}`);
      const environment = { HOME: home, XDG_CACHE_HOME: '', XDG_CONFIG_HOME: '', CI: '', ORT_DISABLE_TELEMETRY: '' };
      const run = await steadyseg(job.args(inputs, join(folder, job.name)), { environment, before });
      faults.push(...success(run));
      const calls = canTrace ? readFileSync(trace, 'utf8').split('\n') : [];
      const reached = calls.filter((call) => /AF_INET/.test(call));
      if (reached.length > 0) faults.push(`${job.name} reached for a network: ${reached[0].slice(0, 200)}`);
      for (const name of contents(home).keys()) {
        if (!name.startsWith('.cache/steadyseg/')) faults.push(`${job.name} left ${name} in the home folder`);
      }
    }
    return { runs: jobs.length, faults, seen: `${jobs.length} commands${canTrace ? ', their calls traced' : ''}` };
  },
};

const byContent: Case = {
  name: 'trust/resume-by-content',
  fault: 'results copied elsewhere, pictures replaced by others of the same size and time, all times whole seconds',
  promise: 'a resumed run ends as one that began anew',
  async run({ inputs, folder, rounds, random }) {
    const faults: string[] = [];
    let redone = 0;
    for (let round = 0; round < rounds; round++) {
      const at = (name: string) => join(folder, `${name}${round}`);
      cpSync(inputs.frames, at('input'), { recursive: true });
      faults.push(...success(await steadyseg(predict(inputs, at('input'), at('first')))));
      const names = readdirSync(at('input'));
      const bySize = names.sort((a, b) => statSync(join(at('input'), b)).size - statSync(join(at('input'), a)).size);
      const replaced = moment(random, bySize.length - 2);
      const path = join(at('input'), bySize[replaced]);
      const { size, mtime } = statSync(path);
      const other = readFileSync(join(at('input'), bySize[replaced + 1]));
      writeFileSync(path, Buffer.concat([other, Buffer.alloc(size - other.length)]));
      utimesSync(path, mtime, mtime);
      cpSync(at('first'), at('copied'), { recursive: true });
      const second = new Date(Math.floor(Date.now() / 1000) * 1000);
      for (const name of contents(at('copied')).keys()) utimesSync(join(at('copied'), name), second, second);
      const resumed = await steadyseg([...predict(inputs, at('input'), at('copied')), '--resume', '--json']);
      faults.push(...success(resumed));
      faults.push(...success(await steadyseg(predict(inputs, at('input'), at('anew')))));
      for (const kind of ['labels', 'color']) {
        const [found, expected] = [contents(join(at('copied'), kind)), contents(join(at('anew'), kind))];
        for (const [name, hash] of expected) {
          if (found.get(name) !== hash) faults.push(`${kind}/${name} is that of another picture`);
        }
      }
      redone += resumed.code === 0 ? names.length - JSON.parse(resumed.stdout).resumed : 0;
    }
    return { runs: 3 * rounds, faults, seen: `${redone} frames done again in ${rounds} rounds` };
  },
};

const changedSettings: Case = {
  name: 'trust/resume-after-changes',
  fault: 'a palette, a network, an option or all pictures changed at the same path, times as they were, then --resume',
  promise: 'refused in a line, or the results of a run that began anew',
  async run({ inputs, folder }) {
    const faults: string[] = [];
    let [runs, refused] = [0, 0];
    const changes: Readonly<Record<string, (at: (name: string) => string) => string[]>> = {
      palette(at) {
        const colours = Array.from({ length: 19 }, (_, k) => `[${k}, ${k}, ${9 * k}]`);
        const names = Array.from({ length: 19 }, (_, k) => `c${k}`);
        const text = `classes: [${names.join(', ')}]\npalette: [${colours.join(', ')}]\n`;
        keepingTimes(at('classes.yaml'), () => writeFileSync(at('classes.yaml'), text));
        return [];
      },
      network(at) {
        keepingTimes(at('network.onnx'), () => copyFileSync(inputs.otherNetwork, at('network.onnx')));
        return [];
      },
      option: () => ['--flip'],
      pictures(at) {
        const names = readdirSync(at('input'));
        const last = readFileSync(join(at('input'), names[names.length - 1]));
        for (const name of names.slice(0, -1)) {
          keepingTimes(join(at('input'), name), () => writeFileSync(join(at('input'), name), last));
        }
        return [];
      },
    };
    for (const command of ['predict', 'pseudo-label']) {
      for (const [change, make] of Object.entries(changes)) {
        const own = join(folder, `${command}-${change}`);
        const at = (name: string) => join(own, name);
        mkdirSync(own);
        cpSync(inputs.frames, at('input'), { recursive: true });
        copyFileSync(inputs.network, at('network.onnx'));
        const names = Array.from({ length: 19 }, (_, k) => `c${k}`);
        const colours = names.map((_, k) => `[${k}, ${k}, ${5 * k}]`);
        writeFileSync(at('classes.yaml'), `classes: [${names.join(', ')}]\npalette: [${colours.join(', ')}]\n`);
        const args = (out: string, ...more: string[]) => [
          ...[command, at('input'), '--model', at('network.onnx'), '--classes', at('classes.yaml')],
          ...['--out', at(out), '--save', command === 'predict' ? 'labels,color' : 'color', ...more],
        ];
        faults.push(...success(await steadyseg(args('first'))));
        const more = make(at);
        const resumed = await steadyseg([...args('first', ...more), '--resume']);
        faults.push(...successOrRefusal(resumed, ['.json']));
        runs += 2;
        if (resumed.code !== 0) {
          refused++;
          continue;
        }
        faults.push(...success(await steadyseg(args('anew', ...more))));
        runs++;
        const [found, expected] = [contents(at('first')), contents(at('anew'))];
        for (const [name, hash] of expected) {
          if (name.endsWith('.png') && found.get(name) !== hash)
            faults.push(`${command}, ${change}: ${name} is of before`);
        }
      }
    }
    return { runs, faults, seen: `${refused} refused, the others as anew` };
  },
};

function keepingTimes(path: string, change: () => void): void {
  const { atime, mtime } = statSync(path);
  change();
  utimesSync(path, atime, mtime);
}

const usersFiles: Case = {
  name: 'trust/files-of-the-user',
  fault: 'label maps, colours, flow and lists of the user where results go; links; a result that was corrected by hand',
  promise: 'refused by name, nothing changed; taken with --overwrite',
  async run({ inputs, folder }) {
    const faults: string[] = [];
    let runs = 0;
    for (const job of ofFolders) {
      const whole = [...(await wholeRun(job, inputs)).files.keys()].filter((name) =>
        /\.(png|flo|txt|json|jsonl|html|onnx|safetensors)$/.test(name),
      );
      for (const [index, name] of whole.entries()) {
        // One of each kind and folder.
        if (whole.findIndex((one) => one.replace(/\d+/g, '') === name.replace(/\d+/g, '')) !== index) continue;
        const out = join(folder, `${job.name}${index}`);
        const path = join(out, name);
        mkdirSync(join(path, '..'), { recursive: true });
        const isLink = index % 2 === 1;
        if (isLink) {
          writeFileSync(`${out}.target`, 'mine');
          symlinkSync(`${out}.target`, path);
        } else writeFileSync(path, 'mine');
        for (const args of [job.args(inputs, out), job.again(inputs, out)]) {
          runs++;
          faults.push(...refusal(await steadyseg(args), [name]));
          if (readFileSync(path, 'utf8') !== 'mine') faults.push(`${job.name} replaced ${name}`);
        }
      }
    }
    return { runs, faults, seen: `${runs} runs refused` };
  },
};

const devices: Case = {
  name: 'trust/devices',
  fault: 'a device, a FIFO, a link to a device or the input itself as the file to write',
  promise: 'refused, and still there',
  impossible: () => (isRoot ? undefined : 'devices need root'),
  async run({ inputs, folder }) {
    const faults: string[] = [];
    const at = (name: string) => join(folder, name);
    spawnSync('mknod', [at('null.pth'), 'c', '1', '3']);
    spawnSync('mkfifo', [at('fifo.pth')]);
    symlinkSync(at('null.pth'), at('link.pth'));
    copyFileSync(inputs.pth, at('input.pth'));
    const before = readFileSync(at('input.pth'));
    for (const name of ['null.pth', 'fifo.pth', 'link.pth']) {
      faults.push(...refusal(await steadyseg(['convert', inputs.safetensors, at(name)]), [name]));
    }
    faults.push(...refusal(await steadyseg(['convert', at('input.pth'), at('input.pth')]), ['input.pth']));
    if (!readFileSync(at('input.pth')).equals(before)) faults.push('the input was replaced');
    if (!statSync(at('null.pth')).isCharacterDevice()) faults.push('the device is gone');
    if (!statSync(at('fifo.pth')).isFIFO()) faults.push('the FIFO is gone');
    return { runs: 4, faults, seen: '4 runs refused' };
  },
};

const singleFiles: Case = {
  name: 'trust/single-files',
  fault: 'a report, map or network to write where a FIFO is, or a picture that a list or pattern names',
  promise: 'refused before the work, nothing changed',
  async run({ inputs, folder }) {
    const faults: string[] = [];
    const at = (name: string) => join(folder, name);
    spawnSync('mkfifo', [at('fifo.html')]);
    cpSync(inputs.frames, at('frames'), { recursive: true });
    const names = readdirSync(at('frames'));
    writeFileSync(at('list.txt'), names.map((name) => `frames/${name}\n`).join(''));
    const picture = join(at('frames'), names[0]);
    const before = readFileSync(picture);
    const { labels, predictions, network, otherNetwork, trainable } = inputs;
    const miou = ['evaluate', 'miou', '--pred', predictions, '--gt', labels, '--preset', 'toycity'];
    const adapt = ['adapt', at('list.txt'), '--model', trainable, '--steps', '2', '-o', at('new.onnx')];
    const networks = ['--models', network, otherNetwork, '--preset', 'cityscapes'];
    const commands: readonly [string[], string][] = [
      [[...miou, '--report', at('fifo.html')], 'fifo.html'],
      [[...adapt, '--report', at('fifo.html')], 'fifo.html'],
      [[...adapt, '--report', picture], names[0]],
      [['compare', at('list.txt'), ...networks, '--flicker', picture], names[0]],
      [['compare', join(at('frames'), '*.png'), ...networks, '--flicker', picture], names[0]],
      [['quantize', trainable, '--calibrate', at('list.txt'), '--any-speed', '-o', picture], names[0]],
    ];
    for (const [args, named] of commands) faults.push(...refusal(await steadyseg(args), [named]));
    if (!readFileSync(picture).equals(before)) faults.push('the picture was replaced');
    if (!statSync(at('fifo.html')).isFIFO()) faults.push('the FIFO is gone');
    if (existsSync(at('new.onnx'))) faults.push('a network was adapted before its report was refused');
    return { runs: commands.length, faults, seen: `${commands.length} runs refused` };
  },
};

const controlCharacters: Case = {
  name: 'trust/control-characters',
  fault:
    'names of files, classes and metadata that move the cursor, set the title, change colours or turn the order of letters',
  promise: 'they are shown as codes',
  async run({ inputs, folder }) {
    const faults: string[] = [];
    const harm = '\u001b[31m\u001b]0;x\u0007\u009b2J\u202e';
    const at = (name: string) => join(folder, `${name}${harm}`);
    const model = readModel(readFileSync(inputs.network));
    const network = `${at('network')}.onnx`;
    const metadata = new Map([...model.metadata, [`key${harm}`, `value${harm}`]]);
    writeFileSync(network, writeModel({ ...model, producer: `made${harm}`, metadata }));
    const classes = `${at('classes')}.json`;
    const names = Array.from({ length: 19 }, (_, k) => `c${k}${harm}`);
    writeFileSync(classes, JSON.stringify({ classes: names }));
    const picture = `${at('picture')}.png`;
    writeFileSync(picture, 'no picture');
    const { labels, predictions, frames } = inputs;
    const miou = ['evaluate', 'miou', '--pred', predictions, '--gt', labels, '--classes', classes];
    const commands = [
      ['info', network],
      ['info', network, '--json'],
      ['info', at('nothing.onnx')],
      ['predict', picture, '--model', network, '--out', at('out')],
      ['predict', frames, '--model', network, '--classes', classes, '--out', at('result'), '--json'],
      [...miou],
      [...miou, '--json'],
      ['merge', at('nothing.json')],
      ['train', `${at('none')}.yaml`],
    ];
    for (const args of commands) {
      const { stdout, stderr } = await steadyseg(args);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
      const found = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]/.exec(stdout + stderr);
      if (found) faults.push(`${args[0]}: code ${found[0].charCodeAt(0)} in what it says`);
    }
    return { runs: commands.length, faults, seen: `${commands.length} commands` };
  },
};

const namespaces: Case = {
  name: 'trust/containers',
  fault: 'kill -9 of a run in a process namespace of its own, which then goes on outside',
  promise: 'its lock is taken over after a while; the results are those of a whole run, nothing left over',
  impossible: () => (isRoot && spawnSync('unshare', ['--version']).status === 0 ? undefined : 'namespaces need root'),
  async run({ inputs, folder, random }) {
    const faults: string[] = [];
    const before = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
    for (const job of resumable) {
      const whole = await wholeRun(job, inputs);
      const out = join(folder, job.name);
      const killAfter = 300 + moment(random, 0.8 * whole.milliseconds);
      await steadyseg(job.args(inputs, out), { before, killAfter });
      faults.push(...(await completes(job, inputs, out, whole)));
      faults.push(...litter(contents(out)));
    }
    return { runs: 2 * resumable.length, faults, seen: `${resumable.length} runs killed and completed` };
  },
};

const hostile = process.env.STEADYSEG_SHARED ?? join('..', 'shared');
const hostileFolder = join(hostile, 'cases', 'hostile');

const hostileFiles: Case = {
  name: 'trust/hostile-files',
  fault: 'small files that took minutes or gigabytes, or ended in words for programmers',
  promise: 'refused in a line within ten seconds and a gigabyte, or read as they are',
  impossible: () => (existsSync(hostileFolder) ? undefined : 'the reference material is not here'),
  async run({ inputs, folder }) {
    const faults: string[] = [];
    const picture = join(inputs.frames, readdirSync(inputs.frames)[0]);
    const names = readdirSync(hostileFolder).filter((name) => !name.endsWith('.md'));
    let runs = 0;
    for (const name of names) {
      const path = join(hostileFolder, name);
      const out = join(folder, name);
      const commands = name.endsWith('.onnx')
        ? [
            ['info', path],
            ['predict', picture, '--model', path, '--out', out],
          ]
        : name.endsWith('.yaml')
          ? [['train', path, '--out', out]]
          : [predict(inputs, path, out)];
      for (const args of commands) {
        const run = await steadyseg(args, { limit: 60_000 });
        runs++;
        faults.push(...successOrRefusal(run, [name, 'frame ']));
        if (run.peakMegabytes > 1024) faults.push(`${name}: it took ${Math.round(run.peakMegabytes)} MiB`);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
        if (/[\x00-\x08\x0b-\x1f\x7f-\x9f]/.test(run.stdout + run.stderr)) faults.push(`${name}: control characters`);
      }
      rmSync(out, { recursive: true, force: true });
    }
    return { runs, faults, seen: `${names.length} files` };
  },
};

const noNumbers: Case = {
  name: 'trust/scores-that-are-no-numbers',
  fault: 'a network with one weight that is NaN',
  promise: 'refused, naming the frame; no map is written',
  async run({ inputs, folder }) {
    const network = join(folder, 'nan.onnx');
    const bytes = readFileSync(inputs.trainable);
    const model = readModel(bytes);
    for (const { data } of model.graph.initializers.values()) (data as Float32Array).fill(Number.NaN, 0, 1);
    writeFileSync(network, writeModel(model));
    const out = join(folder, 'out');
    const run = await steadyseg(predict({ ...inputs, network }, inputs.frames, out));
    const faults = refusal({ ...run, stderr: run.stderr.replaceAll('NaN', 'not-a-number') }, ['frame ']);
    if (contents(join(out, 'labels')).size > 0) faults.push('a map was written');
    return { runs: 1, faults, seen: tail(run).slice(0, 120) };
  },
};

const listedFrames: Case = {
  name: 'trust/frames-of-an-index',
  fault: 'one or two bits flipped in the index of an MP4, or tables that list billions of frames',
  promise: 'all frames, or a refusal that names the file; little memory',
  async run({ inputs, folder, rounds, random }) {
    const faults: string[] = [];
    const sound = readFileSync(inputs.video);
    const start = sound.indexOf('moov', 0, 'latin1') + 4;
    const end = start - 8 + sound.readUInt32BE(start - 8);
    let refused = 0;
    for (let round = 0; round < 4 * rounds; round++) {
      const bytes = Buffer.from(sound);
      if (round % 4 === 3) bytes.writeUInt32BE(2 ** 31 - 1, bytes.indexOf('stsz', 0, 'latin1') + 12);
      for (let flips = 1 + random.integer(2); flips > 0; flips--) {
        bytes[start + random.integer(end - start)] ^= 1 << random.integer(8);
      }
      const video = join(folder, `index${round}.mp4`);
      const out = join(folder, String(round));
      writeFileSync(video, bytes);
      const run = await steadyseg([...predict(inputs, video, out), '--threads', '1']);
      faults.push(...successOrRefusal(run, [`index${round}.mp4`, 'frame ']));
      const maps = contents(join(out, 'labels')).size;
      if (run.code === 0 && maps !== inputs.videoFrames) faults.push(`${maps} of ${inputs.videoFrames} frames, exit 0`);
      if (run.peakMegabytes > 1024) faults.push(`it took ${Math.round(run.peakMegabytes)} MiB`);
      if (run.code !== 0) refused++;
      rmSync(out, { recursive: true, force: true });
    }
    return { runs: 4 * rounds, faults, seen: `${refused} refused, the others whole` };
  },
};

const readers: Case = {
  name: 'trust/readers-that-leave',
  fault: 'output into a pipe whose reader has left, and onto a full device',
  promise: 'an end without a stack; the full device is named',
  impossible: () => (existsSync('/dev/full') ? undefined : 'there is no /dev/full'),
  async run({ inputs }) {
    const faults: string[] = [];
    for (const sink of ['| head -c 1 >/dev/null', '>/dev/full']) {
      const shell = `"$0" "$1" info "$2" ${sink}`;
      const { stderr } = spawnSync('sh', ['-c', shell, process.execPath, main, inputs.network], { encoding: 'utf8' });
      if (/^\s+at |Error:/m.test(stderr)) faults.push(`${sink}: ${stderr.slice(0, 300)}`);
      if (sink.includes('full') && !/no space left/.test(stderr)) faults.push(`${sink}: ${stderr.slice(0, 300)}`);
    }
    return { runs: 2, faults, seen: '2 runs ended in words' };
  },
};

const trial: Case = {
  name: 'trust/trial',
  fault: 'a network whose run ends its process',
  promise: 'with --trial a line that names it, and the process goes on to say so',
  impossible: () => (process.platform === 'linux' ? undefined : 'processes are found by /proc'),
  async run({ folder, inputs }) {
    const network = join(folder, 'endless.onnx');
    copyFileSync(fileURLToPath(new URL('../../../test/fixtures/hostile/endless.onnx', import.meta.url)), network);
    const args = [...predict({ ...inputs, network }, inputs.frames, join(folder, 'out')), '--trial'];
    const run = await steadyseg(args, {
      async meanwhile(child) {
        while (child.exitCode === null) {
          const found = spawnSync('pgrep', ['-P', String(child.pid), '-f', 'trialProcess'], {
            encoding: 'utf8',
          }).stdout;
          if (found.trim() !== '') {
            process.kill(Number(found), 'SIGSEGV');
            return;
          }
          await sleep(50);
        }
      },
    });
    return { runs: 1, faults: refusal(run, ['endless.onnx']), seen: tail(run).slice(0, 120) };
  },
};

export const trust: readonly Case[] = [
  noNumbers,
  listedFrames,
  readers,
  trial,
  telemetry,
  byContent,
  changedSettings,
  powerCuts,
  usersFiles,
  devices,
  singleFiles,
  contenders,
  namespaces,
  hostileFiles,
  controlCharacters,
  pageServer,
  supplyChain,
];
