/**
 * The published JSON schema is the one that the code emits, is a schema, and agrees with the code on examples.
 * `COPPICE_UPDATE=1 node --test …` writes it.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { constitutionSchema, parseConstitution } from '../src/index.ts';
import { source } from './fixtures.ts';

const published = new URL('../../../docs/reference/constitution.schema.json', import.meta.url);
const text = `${JSON.stringify(constitutionSchema, undefined, 2)}\n`;
if (process.env['COPPICE_UPDATE'] !== undefined) writeFileSync(published, text);

test('the published schema is up to date', () => {
  assert.equal(readFileSync(published, 'utf8'), text);
});

const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(constitutionSchema);

test('schema and code accept the same document', () => {
  assert.ok(validate(source()), JSON.stringify(validate.errors));
  assert.ok(parseConstitution(source()).ok);
});

test('schema and code refuse the same shapes', () => {
  const changes: ((written: any) => void)[] = [
    (w) => delete w.policy.platforms,
    (w) => (w.policy.surplus = 1),
    (w) => (w.slots = 3),
    (w) => (w.clients = 'closed'),
    (w) => (w.clients = [{ name: 'x' }]),
    (w) => (w.members[0].key = 'ab'),
    (w) => (w.members[0].name = ' padded'),
    (w) => (w.name = 'two\nlines'),
    (w) => (w.service.name = 'Upper'),
    (w) => (w.thresholds = { genesis: 'most' }),
    (w) => (w.policy.unsealed = true),
  ];
  for (const change of changes) {
    const written = source();
    change(written);
    assert.equal(validate(written), false, change.toString());
    assert.equal(parseConstitution(written).ok, false, change.toString());
  }
});

test('the example of the documentation is a constitution', () => {
  const page = readFileSync(new URL('../../../docs/reference/constitution.md', import.meta.url), 'utf8');
  const [, example] = /```json\n([^]*?)```/.exec(page)!;
  const parsed = parseConstitution(JSON.parse(example!));
  assert.deepEqual(parsed.ok ? [] : parsed.problems, []);
});

test('the documentation names every field', () => {
  const page = readFileSync(new URL('../../../docs/reference/constitution.md', import.meta.url), 'utf8');
  const visit = (schema: any): void => {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      assert.match(page, new RegExp(`[\`"]${name}[\`"]|\\.${name}\``), name);
      visit(field);
    }
    for (const inner of [schema.items, ...(schema.anyOf ?? [])]) if (inner !== undefined) visit(inner);
  };
  visit(constitutionSchema);
});
