/**
 * The three forms of an upgrade certificate: its bytes, JSON and a page. docs/reference/upgrade-certificate.md.
 *
 * JSON and page have the bytes in them, and follow from them: one that says anything else is refused.
 */
import { nodeCryptography } from '@coppice/cryptography';
import { type UpgradeVerdict, upgradeCertificateBytesMax, verifyUpgrade } from '@coppice/upgrade';
import { certificateInPage, htmlForm } from './html.ts';
import { jsonForm, type UpgradeView, viewOf } from './view.ts';

export type Form = 'binary' | 'json' | 'html';

/** Of a file in any form: base 64 is a third longer, and what is shown is bounded. */
export const fileBytesMax = 2 * upgradeCertificateBytesMax;

export function written(form: Form, view: UpgradeView): Uint8Array {
  if (form === 'binary') return Buffer.from(view.certificate, 'base64');
  return Buffer.from(form === 'json' ? jsonForm(view) : htmlForm(view), 'utf8');
}

export type FileVerdict =
  | { readonly ok: true; readonly form: Form; readonly view: UpgradeView }
  | Extract<UpgradeVerdict, { readonly ok: false }>;

/** Verifies a file of any form, to the last byte. */
export function verifyFile(file: Uint8Array, service: Uint8Array): FileVerdict {
  const form = formOf(file);
  const certificate = form === 'binary' ? file : certificateIn(form, Buffer.from(file).toString('utf8'));
  if (certificate === undefined)
    return { ok: false, check: 'format', reason: `there is no certificate in this ${form}` };
  const verdict = verifyUpgrade(nodeCryptography, certificate, service);
  if (!verdict.ok) return verdict;
  const view = viewOf(verdict.facts, certificate);
  if (form === 'binary' || Buffer.compare(written(form, view), file) === 0) return { ok: true, form, view };
  return { ok: false, check: 'format', reason: `the ${form} says something else than the certificate in it` };
}

function formOf([first]: Uint8Array): Form {
  if (first === 0x7b) return 'json';
  return first === 0x3c ? 'html' : 'binary';
}

function certificateIn(form: 'json' | 'html', text: string): Uint8Array | undefined {
  const encoded = form === 'html' ? certificateInPage(text) : certificateInJson(text);
  return encoded === undefined ? undefined : new Uint8Array(Buffer.from(encoded, 'base64'));
}

function certificateInJson(text: string): string | undefined {
  try {
    const { certificate } = JSON.parse(text) as { readonly certificate?: unknown };
    return typeof certificate === 'string' ? certificate : undefined;
  } catch {
    return undefined;
  }
}
