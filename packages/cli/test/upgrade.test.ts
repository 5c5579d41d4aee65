/**
 * The forms in which people and programs get an upgrade certificate: each says what the certificate says, or is refused.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificateOf, encoded, manifest, upgraded } from '../../upgrade/test/story.ts';
import { type Form, verifyFile, written } from '../src/upgrade/forms.ts';
import { htmlForm } from '../src/upgrade/html.ts';

const story = upgraded();
const certificate = certificateOf(story);
assert.ok(typeof certificate !== 'string');
const verdict = verifyFile(encoded(certificate), story.service);
assert.ok(verdict.ok);
const { view } = verdict;

for (const form of ['json', 'html'] as const satisfies readonly Form[]) {
  test(`${form} is verified to the last byte`, () => {
    const file = written(form, view);
    const again = verifyFile(file, story.service);
    assert.ok(again.ok && again.form === form);
    assert.deepEqual(again.view, view);
    const changed = new Uint8Array(file);
    const refused = (at: number): void => {
      changed[at] = file[at]! ^ 1;
      assert.ok(!verifyFile(changed, story.service).ok, `byte ${at}`);
      changed[at] = file[at]!;
    };
    // Of what is shown every byte; of the certificate in it, whose bytes have a test of their own, some.
    const at = Buffer.from(file).indexOf(view.certificate);
    const end = at + view.certificate.length;
    for (let i = 0; i < file.length; i += i >= at && i < end ? 251 : 7) refused(i);
    refused(end - 1);
    for (const one of [file.subarray(1), file.subarray(0, -1), Buffer.concat([file, Buffer.from('\n')])])
      assert.ok(!verifyFile(one, story.service).ok);
  });
}

test('a page runs nothing and shows names as they are', () => {
  const hostile = '<script>alert("x")</script>';
  const page = htmlForm({ ...view, name: hostile, release: { ...view.release, service: hostile } });
  assert.ok(!page.includes(hostile));
  assert.ok(page.includes('&lt;script&gt;'));
  assert.match(page, /default-src 'none'/);
  assert.doesNotMatch(page, /https?:\/\//);
});

test('a page says so where evidence proves nothing', () => {
  const on = (platform: string): string =>
    htmlForm({ ...view, slots: view.slots.map((one) => ({ ...one, platform })) });
  assert.match(on('simulated'), /evidence of simulated proves nothing/);
  assert.doesNotMatch(on('tdx'), /proves nothing/);
});

test('what is no certificate is refused', () => {
  for (const text of ['', '{', '{}', '{"certificate":1}', '<html>', '<script></script>', 'x', manifest.toString()])
    assert.ok(!verifyFile(Buffer.from(text), story.service).ok, text);
});
