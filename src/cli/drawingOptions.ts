// The options of commands that draw classes over frames.
import { type Command, Option } from 'commander';
import { legendPlaces } from '../media/legend.js';
import { share } from './options.js';

/** Adds `--opacity` and `--legend`. */
export function addDrawingOptions(command: Command): Command {
  return command
    .option('--opacity <share>', 'share of the class colour over a frame, 0 to 1 (default: 0.5)', share)
    .addOption(
      new Option(
        '--legend <place>',
        'names of the classes: over the lower edge of the frame, below it, or none (default: inside)',
      ).choices(legendPlaces),
    );
}
