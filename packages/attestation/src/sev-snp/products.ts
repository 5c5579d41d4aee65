/**
 * Generations of AMD processors with SEV-SNP: their roots, and where each keeps which version in its eight TCB bytes.
 *
 * Turin shifted the layout by one, for the version of a part that the others do not have. Who reads a Turin report in
 * the old layout sees versions that look plausible, and are of other parts.
 */
import { fromHex } from '@coppice/wire';
import type { SnpReport } from './report.ts';

export interface Product {
  readonly name: string;
  /** SHA-256 of the root's SubjectPublicKeyInfo. */
  readonly root: Uint8Array;
  /** Family and the ranges of models of its processors. */
  readonly family: number;
  readonly models: readonly (readonly [number, number])[];
  /** The TCB byte of each part that has one. */
  readonly parts: Readonly<Record<string, number>>;
  /** The last arc of the certificate extension that holds the version, for each of the TCB bytes. */
  readonly extensions: readonly number[];
  /** Bytes of the identity of a chip. */
  readonly chipBytes: number;
}

const zenParts = { bl: 0, tee: 1, snp: 6, ucode: 7 };
const zenExtensions = [1, 2, 4, 5, 6, 7, 3, 8];

export const products: readonly Product[] = [
  {
    name: 'Milan',
    root: fromHex('9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9')!,
    family: 0x19,
    models: [[0x00, 0x0f]],
    parts: zenParts,
    extensions: zenExtensions,
    chipBytes: 64,
  },
  {
    name: 'Genoa',
    root: fromHex('429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831')!,
    family: 0x19,
    models: [
      [0x10, 0x1f],
      [0xa0, 0xaf],
    ],
    parts: zenParts,
    extensions: zenExtensions,
    chipBytes: 64,
  },
  {
    name: 'Turin',
    root: fromHex('4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08')!,
    family: 0x1a,
    models: [[0x00, 0x11]],
    parts: { fmc: 0, bl: 1, tee: 2, snp: 3, ucode: 7 },
    extensions: [9, 1, 2, 3, 5, 6, 7, 8],
    chipBytes: 8,
  },
];

/** The product that a report of version 3 or later says it comes from. */
export function productOf({ processor }: SnpReport): Product | undefined {
  if (processor === undefined) return undefined;
  const { family, model } = processor;
  return products.find(
    (product) => product.family === family && product.models.some(([from, to]) => from <= model && model <= to),
  );
}

/** The versions in TCB bytes, by the names of the parts. */
export function tcbParts(product: Product, tcb: Uint8Array): Record<string, number> {
  return Object.fromEntries(Object.entries(product.parts).map(([part, index]) => [part, tcb[index]!]));
}

/** The least version that each part has, had when the guest was started, or may go back to. */
export function leastParts(product: Product, report: SnpReport): Record<string, number> {
  const all = [report.reportedTcb, report.committedTcb, report.launchTcb, report.currentTcb];
  return tcbParts(
    product,
    all[0]!.map((_, i) => Math.min(...all.map((tcb) => tcb[i]!))),
  );
}
