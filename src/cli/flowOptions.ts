// The options of commands that compare frames along optical flow.
import type { Command } from 'commander';
import { openFlowSource } from '../flow/open.js';
import type { FlowSource } from '../flow/source.js';
import type { ProgressLine } from '../report/progress.js';

export interface FlowOptions {
  flow: string;
  flowCache?: string;
  cache: boolean;
}

/** Adds `--flow`, `--flow-cache` and `--no-cache`. @param method the flow where none is named. */
export function addFlowOptions(command: Command, method: string): Command {
  return command
    .option(
      '--flow <source>',
      'farneback, dis (also dis-ultrafast, dis-fast, dis-medium), a folder of .flo files, or a network (.onnx)',
      method,
    )
    .option('--flow-cache <dir>', 'where computed flow is kept (default: ~/.cache/steadyseg/flow)')
    .option('--no-cache', 'keep no computed flow');
}

/** Opens the flow that the options name, lets work use it, and closes it. */
export async function withFlow<Result>(
  { flow: method, flowCache, cache }: FlowOptions,
  { threads, device }: { readonly threads?: number | undefined; readonly device?: string | undefined },
  progress: ProgressLine,
  work: (flow: FlowSource) => Promise<Result>,
): Promise<Result> {
  const flow = await openFlowSource(method, {
    cache: cache && { folder: flowCache, onWarning: (message) => progress.note(`steadyseg: ${message}`) },
    threads,
    device,
  });
  try {
    return await work(flow);
  } finally {
    await flow.close();
  }
}
