// The accounts kept of a decoder's frames: which are lost, which were never there, and how evenly they follow each other.
import { describe, expect, it } from 'vitest';
import { createCadence } from '#src/media/cadence.js';
import { createFrameAccount } from '#src/media/frameAccount.js';

const key = (time: bigint) => ({ time, key: true });
const other = (time: bigint | undefined) => ({ time, key: false });

describe('frames and packets', () => {
  it('finds the packets that gave no frame, in the order of showing', () => {
    const account = createFrameAccount();
    // I0 P3 B1 B2, of which B1 is lost.
    for (const packet of [key(0n), other(3n), other(1n), other(2n)]) account.sent(packet);
    expect(account.arrived(0, false)).toMatchObject({ time: 0n, lost: 0, leading: 0 });
    expect(account.arrived(3, false)).toMatchObject({ time: 2n, lost: 1, leading: 0 });
    expect(account.arrived(1, false)).toMatchObject({ time: 3n, lost: 0, leading: 0 });
    expect(account.ended()).toEqual({ lost: 0, leading: 0 });
  });

  it('tells frames before the first that can be decoded from lost ones', () => {
    const cut = createFrameAccount();
    // The rest of a group, then an open group: I3 with B1 and B2, which refer to what was cut off.
    for (const packet of [other(0n), key(3n), other(1n), other(2n), other(4n)]) cut.sent(packet);
    expect(cut.arrived(1, false)).toMatchObject({ lost: 0, leading: 3 });
    expect(cut.ended()).toEqual({ lost: 1, leading: 0 });
    const damaged = createFrameAccount();
    for (const packet of [key(0n), other(1n), key(2n)]) damaged.sent(packet);
    expect(damaged.arrived(2, false)).toMatchObject({ lost: 2, leading: 0 });
  });

  it('takes second fields for parts of their frames, where all frames have them', () => {
    const fields = createFrameAccount();
    for (let field = 0; field < 20; field++) fields.sent(field === 0 ? key(0n) : other(BigInt(field)));
    for (let frame = 0; frame < 10; frame++) expect(fields.arrived(2 * frame, true).lost).toBe(0);
    expect(fields.ended()).toEqual({ lost: 0, leading: 0 });
    const lost = createFrameAccount();
    for (let frame = 0; frame < 10; frame++) lost.sent(frame === 0 ? key(0n) : other(BigInt(frame)));
    for (const frame of [0, 1, 2, 4, 5, 6, 7, 8, 9]) lost.arrived(frame, true);
    expect(lost.ended()).toEqual({ lost: 1, leading: 0 });
  });

  it('counts packets without a time, and frames that come after they were taken for lost', () => {
    const untimed = createFrameAccount();
    for (const packet of [{ time: undefined, key: true }, other(undefined), other(undefined)]) untimed.sent(packet);
    untimed.arrived(undefined, false);
    untimed.arrived(2, false);
    expect(untimed.ended()).toEqual({ lost: 1, leading: 0 });
    const wrong = createFrameAccount();
    for (const packet of [key(0n), other(1n), other(2n)]) wrong.sent(packet);
    wrong.arrived(0, false);
    expect(wrong.arrived(2, false)).toMatchObject({ lost: 1, late: false });
    expect(wrong.arrived(1, false)).toMatchObject({ lost: 0, late: true });
  });
});

describe('cadence', () => {
  const describeTimes = (times: readonly number[], secondsPerTick = 0.001) => {
    const cadence = createCadence(secondsPerTick);
    for (const time of times) cadence.add(BigInt(time));
    return cadence.describe();
  };
  it('says nothing of an even rate, rounded times included', () => {
    expect(describeTimes([0, 33, 67, 100, 133, 167, 200])).toBeUndefined();
    expect(describeTimes([5])).toBeUndefined();
    expect(describeTimes([])).toBeUndefined();
  });
  it('counts dropped frames', () => {
    const times = Array.from({ length: 60 }, (_, frame) => frame * 40).filter(
      (time) => ![400, 800, 840].includes(time),
    );
    expect(describeTimes(times)).toContain('3 frames were dropped when it was recorded, the first after 0.36 s');
  });
  it('says that a rate varies', () => {
    expect(describeTimes([0, 40, 55, 120, 160, 177, 300])).toContain('its rate varies: 15.0 to 123.0 ms');
  });
});
