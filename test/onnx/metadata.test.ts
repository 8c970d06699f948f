import { describe, expect, it } from 'vitest';
import { SteadysegError } from '#src/base/errors.js';
import { describeModel, plainNamesOf, readDescription } from '#src/onnx/metadata.js';

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

describe('plain entries of other exporters', () => {
  const read = (entries: Record<string, string>) => readDescription(new Map(Object.entries(entries)), 'm.onnx');
  it.each(['[0.5, 0.25, 1]', '0.5,0.25,1', '0.5 0.25 1', ' 0.5; 0.25; 1 '])('numbers: %s', (text) => {
    expect(read({ mean: text, std: text })).toEqual({ mean: [0.5, 0.25, 1], std: [0.5, 0.25, 1] });
  });

  it('one number is that of all channels', () => {
    expect(read({ mean: '0.5', std: '[2]' })).toEqual({ mean: [0.5, 0.5, 0.5], std: [2, 2, 2] });
  });

  it.each(['hello', '1,2', '[1,2,"3"]', '', 'NaN,0,0', '{}'])('no numbers: "%s"', (text) => {
    expect(() => read({ mean: text })).toThrow(/^m\.onnx: its metadata "mean/);
  });

  it('numbers that are none are quoted as they stand', () => {
    expect(() => read({ std: '1,1,n0' })).toThrow(/"std\.2": .*"n0"/);
  });

  it.each([
    '["sky","the road",""]',
    "['sky', 'the road', '']",
    '{"0":"sky","1":"the road","2":""}',
    "{0: 'sky', 1: 'the road', 2: ''}",
    'sky, the road,',
  ])('names: %s', (text) => {
    expect(read({ classes: text })).toEqual({ classes: ['sky', 'the road', ''] });
    expect(plainNamesOf(new Map([['names', text]]))).toEqual(['sky', 'the road', '']);
  });

  it('names of some ids, and what is none', () => {
    expect(read({ classes: "{2: 'c', 0: 'a'}" })).toEqual({ classes: ['a', 'class 1', 'c'] });
    expect(() => read({ classes: '{"a":"b"}' })).toThrow(/"classes"/);
    expect(() => read({ classes: '5' })).toThrow(/"classes"/);
    expect(plainNamesOf(new Map([['names', '{"99999999":"b"}']]))).toBeUndefined();
    expect(plainNamesOf(new Map())).toBeUndefined();
  });
});
