// The types that callers rely on: checked by the compiler (`npm run lint`), not when this file runs.

import type * as node from 'steadyseg';
import type {
  EvaluationResult,
  LabelMap,
  PredictSummary,
  RgbImage,
  Segmentation,
  SegmentationModel,
  SegmentedFrame,
} from 'steadyseg';
import type { OpticalFlow } from 'steadyseg/media';
import type { Dataset } from 'steadyseg/train';
import type * as web from 'steadyseg/web';
import { describe, expectTypeOf, it } from 'vitest';

describe('the API for Node', () => {
  it('loads a model from a path or bytes', () => {
    expectTypeOf<typeof node.loadModel>().parameter(0).toEqualTypeOf<string | Uint8Array>();
    expectTypeOf<typeof node.loadModel>().returns.resolves.toEqualTypeOf<SegmentationModel>();
  });

  it('segments pictures into labels, and confidence when asked for', () => {
    expectTypeOf<SegmentationModel['segment']>().parameter(0).toEqualTypeOf<RgbImage>();
    expectTypeOf<SegmentationModel['segment']>().returns.resolves.toEqualTypeOf<Segmentation>();
    expectTypeOf<Segmentation['labels']>().toEqualTypeOf<LabelMap>();
    expectTypeOf<Segmentation['confidence']>().toEqualTypeOf<Float32Array | undefined>();
  });

  it('gives the frames of a video one by one', () => {
    expectTypeOf<ReturnType<typeof node.segmentVideo>>().toExtend<AsyncIterable<SegmentedFrame>>();
    expectTypeOf<typeof node.predict>().returns.resolves.toEqualTypeOf<PredictSummary>();
  });

  it('keeps pictures, labels and flow apart', () => {
    expectTypeOf<OpticalFlow>().not.toExtend<LabelMap>();
    expectTypeOf<OpticalFlow['data']>().toEqualTypeOf<Float32Array>();
    expectTypeOf<typeof node.presetClasses>().parameters.toEqualTypeOf<[name: string]>();
  });

  it('names the measures of a result, so that code can tell them apart', () => {
    expectTypeOf<EvaluationResult['measure']>().toEqualTypeOf<'miou' | 'tc' | 'vc' | 'steadiness'>();
    expectTypeOf<Extract<EvaluationResult, { measure: 'tc' }>['tc']>().toEqualTypeOf<number | null>();
  });

  it('describes datasets by samples', () => {
    expectTypeOf<Dataset['count']>().toEqualTypeOf<number>();
  });
});

describe('the API for browsers', () => {
  it('is the same model, loaded from an address or bytes', () => {
    expectTypeOf<typeof web.loadModel>().parameter(0).toEqualTypeOf<string | URL | Uint8Array>();
    expectTypeOf<typeof web.loadModel>().returns.resolves.toEqualTypeOf<SegmentationModel>();
  });
});
