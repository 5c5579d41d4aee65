/**
 * `coppice member sign | show` of a draft of a succession: what members sign after a disaster, where their keys are. docs/how-to/recover-a-service.md.
 */
import { nodeCryptography } from '@coppice/cryptography';
import { sameBytes, serviceDigest, toHex } from '@coppice/wire';
import { memberKeyFile } from '../governing.ts';
import type { Output } from '../output.ts';
import { noteSigned } from '../recovery/signed.ts';
import { readKey, UserError } from '../service-folder.ts';
import { writeNew } from '../statement-file.ts';
import { draftLines, readDraft, readSigned, signatureOf, signatureText } from '../succession-file.ts';
import type { SigningOptions } from './member.ts';

/** Signs it, and no second one of the same service. Needs no network. */
export function signSuccession(
  file: string,
  options: SigningOptions & { readonly another?: boolean },
  output: Output,
): void {
  const { another = false, out } = options;
  if (out === undefined) throw new UserError('name the file of what is signed: --out FILE');
  const { document, verified } = readDraft(file);
  const keyFile = memberKeyFile(options);
  const signer = readKey(keyFile);
  if (!verified.constitution.members.some(({ key }) => sameBytes(key, signer.publicKey)))
    throw new UserError(`the key in ${keyFile} is of no member that the constitution names`);
  const successor = serviceDigest(nodeCryptography, document.genesis);
  noteSigned(keyFile, document, another);
  writeNew(out, signatureText(document, signatureOf(signer, document)));
  output.answer({ ok: true, file: out, kind: 'succession', successor }, [
    ...draftLines(document, verified),
    `signed: ${out}. Whoever recovers goes on with it: coppice recover --signed ${out} …`,
  ]);
}

/** What a draft says, verified; or what somebody signed of one. */
export function showSuccession(file: string, output: Output): void {
  const signed = readSigned(file);
  if (signed !== undefined) {
    const { member, service: successor } = signed;
    return output.answer({ ok: true, signed: true, kind: 'succession', successor, member }, [
      'signed succession: a service that goes on from one that was lost',
      `  successor    ${toHex(successor)}`,
      `  signed with  ${toHex(member)}`,
      'The signature is valid; what the successor is, and whether this is the key of a member, its draft says.',
    ]);
  }
  const { document, verified } = readDraft(file);
  const { header, ledgerRoot, service } = document.genesis.predecessor!;
  const successor = serviceDigest(nodeCryptography, document.genesis);
  output.answer(
    {
      ok: true,
      signed: false,
      kind: 'succession',
      successor,
      predecessor: service,
      sequence: header.sequence,
      root: ledgerRoot,
    },
    draftLines(document, verified),
  );
}
