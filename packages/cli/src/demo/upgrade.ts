/**
 * The upgrade that the demo's service goes through while it works: the release of its next version, approved by members, brought into every
 * slot by the turns, activated with its migration; and the certificate that proves all of it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@coppice/client';
import { toHex } from '@coppice/wire';
import { certificateFrom, filesOf } from '../commands/upgrade.ts';
import { approvalOf, decide } from '../governing.ts';
import type { LocalPlatforms } from '../local-platforms.ts';
import type { LocalService } from '../local-service.ts';
import { UserError } from '../service-folder.ts';
import { verifyFile, written } from '../upgrade/forms.ts';
import type { UpgradeView } from '../upgrade/view.ts';

/** Members sign for the next release; turns launch it from then on. Says who approved it. */
export async function approveNext(local: LocalService, client: Client, platforms: LocalPlatforms): Promise<string> {
  const { folder, next } = local;
  if (next === undefined) throw new UserError('no release of the next version was built');
  const names = folder.keys('members');
  const signed: string[] = [];
  const signers = names.map((name) => folder.key('members', name));
  const standing = await decide(client, signers, approvalOf(next, platforms), (signer) => {
    signed.push(names[signers.indexOf(signer as (typeof signers)[number])] ?? '?');
  });
  if (standing.state !== 'accepted') throw new UserError(`the release was not approved: ${standing.state}`);
  return `${signed.join(' and ')} approve release ${toHex(next.digest).slice(0, 16)} (${next.manifest.service.name} ${next.manifest.service.version}): turns launch it now`;
}

export interface ProvenUpgrade {
  readonly from: string;
  readonly to: string;
  readonly service: { readonly from: number; readonly to: number } | null;
  readonly protocol: { readonly from: number; readonly to: number } | null;
  readonly stateBefore: string | null;
  readonly stateAfter: string | null;
  /** Entries that the migration wrote. */
  readonly changes: number | null;
  readonly approvedBy: readonly string[];
  readonly moved: readonly { readonly slot: number; readonly turn: number; readonly seated: number }[];
  /** `verified`, or why not. */
  readonly certificate: string;
  readonly file: string;
  readonly page: string;
}

/** Makes the certificate of a ledger, writes it, and verifies what was written with the service digest alone. */
export async function proveUpgrade(
  { folder, next, release, service }: LocalService,
  ledgers: readonly string[],
): Promise<ProvenUpgrade> {
  const [file, page] = ['upgrade.certificate', 'upgrade.html'].map((name) => join(folder.path, name)) as [
    string,
    string,
  ];
  const none = {
    ...{ from: toHex(release), to: toHex(next!.digest), service: null, protocol: null },
    ...{ stateBefore: null, stateAfter: null, changes: null, approvedBy: [], moved: [], file, page },
  };
  let certificate: Uint8Array;
  try {
    ({ certificate } = await certificateFrom(ledgers, next!.digest, () => filesOf(next!)));
  } catch (error) {
    if (error instanceof UserError) return { ...none, certificate: error.message };
    throw error;
  }
  writeFileSync(file, certificate);
  const verdict = verifyFile(certificate, service);
  if (!verdict.ok) return { ...none, certificate: `${verdict.check}: ${verdict.reason}` };
  const { view } = verdict;
  const html = written('html', view);
  writeFileSync(page, html);
  const again = verifyFile(new Uint8Array(html), service);
  return { ...none, ...shown(view), certificate: again.ok ? 'verified' : `${again.check}: ${again.reason}` };
}

function shown({ activation, approval, from, slots, to }: UpgradeView) {
  const { changes = null, protocol = null, service = null, stateAfter = null, stateBefore = null } = activation ?? {};
  return {
    ...{ from, to, service, protocol, stateBefore, stateAfter, changes },
    approvedBy: approval.votes.flatMap(({ approve, member }) => (approve ? member : [])),
    moved: slots.map(({ seated, slot, turn }) => ({ slot, turn, seated })),
  };
}
