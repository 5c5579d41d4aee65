/** Frames arrive in whatever pieces the network makes of them. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameReader, writeFrame } from '../src/framing.ts';

test('frames come out as they went in, however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      async (frames, cuts) => {
        const stream = new PassThrough();
        for (const frame of frames) writeFrame(stream, frame, 1 << 20);
        setImmediate(() => stream.end());
        const bytes = Buffer.concat((await stream.toArray()) as Buffer[]);
        const reader = new FrameReader(64);
        const received: Uint8Array[] = [];
        for (let at = 0; at < bytes.length;) {
          const length = cuts.next().value as number;
          assert.equal(
            reader.push(bytes.subarray(at, at + length), (frame) => received.push(frame)),
            undefined,
          );
          at += length;
        }
        assert.deepEqual(
          received.map((frame) => [...frame]),
          frames.map((frame) => [...frame]),
        );
        assert.equal(reader.held, 0);
      },
    ),
    { numRuns: 60 },
  );
});

test('a frame that announces more than is allowed ends the stream before anything is kept for it', () => {
  const reader = new FrameReader(1000);
  const announced = Buffer.alloc(4);
  announced.writeUInt32BE(1001);
  assert.equal(
    reader.push(announced, () => assert.fail('no frame')),
    'oversized-frame',
  );
  assert.equal(reader.held, 0);
});

test('what is received is a plain byte array', () => {
  const reader = new FrameReader(10);
  reader.push(Buffer.from([0, 0, 0, 2, 7, 8]), (frame) => {
    assert.equal(frame.constructor, Uint8Array);
    assert.deepEqual([...frame], [7, 8]);
  });
});

test('whoever does not read is noticed', () => {
  const stream = new PassThrough({ highWaterMark: 1 });
  assert.ok(writeFrame(stream, new Uint8Array(100), 1000));
  assert.ok(!writeFrame(stream, new Uint8Array(2000), 1000));
});
