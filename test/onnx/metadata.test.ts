import { expect, it } from 'vitest';
import { SteadysegError } from '#src/base/errors.js';
import { describeModel, readDescription } from '#src/onnx/metadata.js';

it('a description is written and read, fields that are not known kept', () => {
  const description = { architecture: 'pspnet18', classes: ['road', 'sky'], note: { of: 'another version' } };
  expect(readDescription(new Map([describeModel(description)]), 'm.onnx')).toEqual(description);
});

it('a wrong description is refused as readably written as read', () => {
  const wrong = { classes: ['road'], ignoreLabel: 256 };
  expect(() => describeModel(wrong)).toThrow(SteadysegError);
  expect(() => describeModel(wrong)).toThrow(/^description of the model "ignoreLabel": .*255.*256/);
  const metadata = new Map([['steadyseg', JSON.stringify(wrong)]]);
  expect(() => readDescription(metadata, 'm.onnx')).toThrow(/^m\.onnx: its metadata "ignoreLabel": .*255.*256/);
});
