/**
 * `coppice upgrade report` and `verify`: one file that proves an upgrade. docs/reference/upgrade-certificate.md.
 */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCryptography } from '@coppice/cryptography';
import { decodeRecord } from '@coppice/ledger';
import { readSealedFolder } from '@coppice/node';
import { openRelease, type Release, ReleaseError, signedStatement } from '@coppice/release';
import { type ReleaseFiles, upgradeCertificateCodec, UpgradeCollector } from '@coppice/upgrade';
import { encode, fromHex, sameBytes, toHex } from '@coppice/wire';
import { type Output, table } from '../output.ts';
import { auditorKeys, ServiceFolder, UserError } from '../service-folder.ts';
import { worthlessAmong } from '../upgrade/html.ts';
import { fileBytesMax, type Form, verifyFile, written } from '../upgrade/forms.ts';
import type { UpgradeView } from '../upgrade/view.ts';
import { provesNothing } from './status.ts';

export interface ReportOptions {
  readonly folder: string;
  readonly release?: string;
  /** One that the service of the folder goes on from. */
  readonly service?: string;
  readonly releaseFolder?: string;
  readonly instance?: readonly string[];
  /** Of auditors, whose keys open an encrypted ledger. */
  readonly key?: readonly string[];
  readonly html?: boolean;
  readonly out?: string;
}

/** Makes the certificate, verifies it, and writes or shows it. */
export async function report(options: ReportOptions, output: Output): Promise<void> {
  const folder = new ServiceFolder(options.folder);
  const service = digestNamed(options.service ?? folder.readService().service, '--service');
  const asked = options.release === undefined ? undefined : digestNamed(options.release, '--release');
  const folders = options.instance ?? instanceFolders(folder);
  const { certificate, instance } = await certificateFrom(
    folders,
    asked,
    (release) => filesOf(releaseOf(folder, release, options.releaseFolder)),
    { keyFiles: options.key, service },
  );
  const verdict = verifyFile(certificate, service);
  if (!verdict.ok)
    throw new UserError(
      `the ledger in ${instance} gives no certificate that holds: ${verdict.check}: ${verdict.reason}`,
    );
  const { view } = verdict;
  const form: Form = options.html === true ? 'html' : output.json ? 'json' : 'binary';
  const { out } = options;
  if (out === undefined) {
    if (form === 'html') process.stdout.write(written('html', view));
    else output.answer(view, lines(view));
    return;
  }
  try {
    writeFileSync(out, written(form, view));
  } catch (error) {
    throw new UserError(`cannot write ${out}: ${error instanceof Error ? error.message : String(error)}`);
  }
  output.answer({ ok: true, file: out, form, instance, from: view.from, to: view.to }, [
    ...lines(view),
    `written: ${out}. Anybody verifies it: npx coppice upgrade verify ${out} --genesis ${view.service}`,
  ]);
}

/** Verifies a file of any form; needs no network. */
export function verify(file: string, { genesis }: { readonly genesis: string }, output: Output): void {
  const service = digestNamed(genesis, '--genesis');
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new UserError(`cannot read ${file}`);
  if (size > fileBytesMax) throw new UserError(`${file} has more than ${fileBytesMax} bytes: no certificate has`);
  const verdict = verifyFile(new Uint8Array(readFileSync(file)), service);
  if (verdict.ok) return output.answer(verdict.view, ['valid', ...lines(verdict.view)]);
  const { check, reason } = verdict;
  output.answer({ ok: false, check, reason }, [`NOT VALID: ${check}: ${reason}`]);
  process.exitCode = 1;
}

function digestNamed(text: string, option: string): Uint8Array {
  const digest = fromHex(text);
  if (digest?.length !== 32) throw new UserError(`${option} must be a digest: 64 hexadecimal digits`);
  return digest;
}

/** Of the instances on this machine, the last launched first: it began last, and its ledger goes on longest. */
function instanceFolders({ path }: ServiceFolder): string[] {
  const instances = join(path, 'instances');
  const names = existsSync(instances) ? readdirSync(instances).sort().reverse() : [];
  return names.map((name) => join(instances, name)).filter((each) => existsSync(join(each, 'ledger')));
}

/** The first ledger of these that has all that it takes; ledgers of instances that left end too early. */
export async function certificateFrom(
  folders: readonly string[],
  asked: Uint8Array | undefined,
  files: (release: Uint8Array) => ReleaseFiles,
  of: { readonly keyFiles?: readonly string[] | undefined; readonly service?: Uint8Array } = {},
): Promise<{ readonly certificate: Uint8Array; readonly instance: string }> {
  if (folders.length === 0) throw new UserError('there is no ledger here: name an instance’s folder with --instance');
  const lacking: string[] = [];
  const others: string[] = [];
  for (const instance of folders) {
    const collected = await collect(instance, of);
    if (of.service !== undefined && !collected.isOf(of.service)) {
      others.push(`  ${instance}: not of the service ${toHex(of.service)}`);
      continue;
    }
    const release = asked ?? collected.approved.at(-1);
    const made = release === undefined ? nothingApproved(collected) : collected.certificate(release, files(release));
    if (typeof made !== 'string') return { certificate: encode(upgradeCertificateCodec, made, 1 << 16), instance };
    lacking.push(`  ${instance}: ${made}`);
  }
  const why = lacking.length > 0 ? lacking : others;
  throw new UserError(`no ledger here proves the upgrade:\n${why.join('\n')}`);
}

function nothingApproved({ predecessors }: UpgradeCollector): string {
  const before = predecessors.map(toHex).join(', ');
  return `its members approved no release${before === '' ? '' : ` since it goes on from ${before}: upgrades of before are shown with --service`}`;
}

async function collect(
  folder: string,
  { keyFiles, service }: { readonly keyFiles?: readonly string[] | undefined; readonly service?: Uint8Array },
): Promise<UpgradeCollector> {
  const collector = new UpgradeCollector(nodeCryptography, service);
  for await (const item of readSealedFolder(folder, auditorKeys(folder, keyFiles))) {
    if (item.kind !== 'record') break;
    // A reader may use its buffer again.
    const record = decodeRecord(item.record.type, item.record.payload.slice());
    if (record.ok) collector.add(record.value);
  }
  return collector;
}

function releaseOf({ releases }: ServiceFolder, digest: Uint8Array, folder: string | undefined): Release {
  try {
    const release = folder === undefined ? releases.find(digest) : openRelease(folder);
    if (release !== undefined && sameBytes(release.digest, digest)) return release;
  } catch (error) {
    throw error instanceof ReleaseError ? new UserError(error.message) : error;
  }
  throw new UserError(`the release ${toHex(digest)} is not here: name its folder with --release-folder`);
}

/** What the certificate has of a release. */
export function filesOf(release: Release): ReleaseFiles {
  try {
    return { manifest: readFileSync(join(release.folder, 'manifest.json')), provenance: signedStatement(release) };
  } catch (error) {
    throw error instanceof ReleaseError ? new UserError(error.message) : error;
  }
}

function lines({ activation, approval, from, name, provenance, release, service, slots, to }: UpgradeView): string[] {
  const when = (ms: number): string => new Date(ms).toISOString();
  const { approvals, needed, time, votes } = approval;
  const worthless = worthlessAmong(slots.map(({ platform }) => platform));
  const builders = provenance.map(({ key, member }) => member ?? key.slice(0, 16));
  return [
    `upgrade of ${name} ${service}`,
    `  from       ${from}`,
    `  to         ${to}  (${release.service} ${release.version})`,
    `  approved   ${when(time)} by ${votes.flatMap(({ approve, member }) => (approve ? member : [])).join(', ')}: ${approvals}, and ${needed} were needed`,
    `  built      ${builders.length === 0 ? 'nobody signed its provenance' : `provenance signed by ${builders.join(', ')}`}`,
    ...table([
      ['  slot', 'seated', 'instance', 'variant', 'platform', 'turn', 'admitted by slots'],
      ...slots.map((one) => [
        `  ${one.slot}`,
        when(one.seated),
        one.instance.slice(0, 8),
        one.variant,
        one.platform,
        String(one.turn),
        one.signers.join(' '),
      ]),
    ]),
    ...(worthless.length === 0 ? [] : [`  ! ${provesNothing(worthless)}`]),
    ...(activation === null
      ? ['  no activation: what the service speaks did not change']
      : [
          `  activated  ${when(activation.time)}, batch ${activation.sequence}: service ${activation.service.from} → ${activation.service.to}, protocol ${activation.protocol.from} → ${activation.protocol.to}`,
          `  state      ${activation.stateBefore}`,
          `           → ${activation.stateAfter}, ${activation.writeSets.length === 1 ? `with ${activation.changes} changes` : `in ${activation.writeSets.length} steps`}`,
          `  writes     ${activation.migration}`,
        ]),
  ];
}
