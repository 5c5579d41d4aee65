/**
 * An upgrade certificate as one page, for whoever has to know and runs no tools: it needs nothing from elsewhere and prints well.
 *
 * The page is a function of the certificate, whose bytes are in it, so the page as a whole can be verified.
 */
import { developmentPlatforms } from '@coppice/attestation';
import type { ShownWrite, UpgradeView } from './view.ts';

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (one) => escapes[one]!);

/** Agreed time, to the second. */
const timeOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

const digest = (hex: string): string =>
  `<code class="digest">${hex.replace(/.{8}/g, (part) => `<span>${part}</span>`)}</code>`;
const short = (hex: string): string => `<code title="${hex}">${hex.slice(0, 12)}…</code>`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
  return `<div class="wide"><table><thead>${row(head, 'th')}</thead><tbody>${rows.map((one) => row(one, 'td')).join('')}</tbody></table></div>`;
}

function facts(rows: readonly (readonly [string, string])[]): string {
  return `<dl>${rows.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join('')}</dl>`;
}

function approvalSection({ approval }: UpgradeView): string {
  const { approvals, digest: proposal, earlier, needed, proposal: number, time, votes } = approval;
  const rows = votes.map(({ approve, key, member }) => [
    escaped(member),
    approve ? '<b class="yes">approved</b>' : '<b class="no">rejected</b>',
    short(key),
  ]);
  return `<section><h2><i>1</i>The members approved it</h2>
<p>${approvals} members signed for it, and ${needed} were needed, by the constitution in force. The decision took effect on ${timeOf(time)}.${
    earlier === 0
      ? ''
      : ` ${earlier} earlier decision${earlier === 1 ? ' that changed' : 's that changed'} the constitution ${earlier === 1 ? 'is' : 'are'} in the certificate, too, signed by members.`
  }</p>
${table(['Member', 'Signed ballot', 'Key'], rows)}
${facts([['Proposal', `${number}, ${short(proposal)}`]])}</section>`;
}

function releaseSection({ from, provenance, release, to }: UpgradeView): string {
  const { commit, dependencies, files, service, variants, version } = release;
  const builders = provenance.map(({ key, member }) =>
    member === null ? short(key) : `${escaped(member)} (${short(key)})`,
  );
  return `<section><h2><i>2</i>What they approved</h2>
${facts([
  ['Before', digest(from)],
  ['Approved', digest(to)],
  ['Service', `${escaped(service)}, version ${version}`],
  ['Sources', commit === null ? 'not a committed state' : `<code>${escaped(commit)}</code>`],
  [
    'Consists of',
    `${files} files, built with ${dependencies} pinned packages; ${variants.length} variant${variants.length === 1 ? '' : 's'}`,
  ],
  ['Origin signed by', builders.length === 0 ? 'nobody' : builders.join(', ')],
])}</section>`;
}

/** Of these platforms, those whose evidence proves nothing. */
export function worthlessAmong(platforms: readonly string[]): string[] {
  return developmentPlatforms.filter((name) => platforms.includes(name));
}

function slotsSection({ slots }: UpgradeView): string {
  const rows = slots.map((one) => [
    `<b>${one.slot}</b>`,
    `<time>${timeOf(one.seated)}</time>`,
    short(one.instance),
    escaped(one.variant),
    escaped(one.platform),
    String(one.turn),
    one.signers.join(', '),
  ]);
  const worthless = worthlessAmong(slots.map(({ platform }) => platform));
  return `<section><h2><i>3</i>Every slot got a fresh instance of it</h2>
<p>Each instance was launched anew, showed evidence of what it runs, and was admitted by the votes of a quorum, each of whom appraised that evidence.</p>${
    worthless.length === 0
      ? ''
      : `\n<p><b class="no">For development:</b> evidence of ${escaped(worthless.join(' and '))} proves nothing against whoever hosts an instance.</p>`
  }
${table(['Slot', 'Seated', 'Instance', 'Variant', 'Platform', 'Turn', 'Admitted by slots'], rows)}</section>`;
}

function changesOf(writes: readonly ShownWrite[], changes: number): string {
  if (changes === 0) return '<p>The migration changed no entry.</p>';
  const rows = writes.map(({ bytes, key, map, value }) => [
    escaped(map),
    `<code>${escaped(key)}</code>`,
    bytes === null
      ? '<b class="no">deleted</b>'
      : value === undefined
        ? `${bytes} bytes`
        : `<code>${escaped(value)}</code>`,
  ]);
  const more = changes - writes.length;
  return `<details${changes > 20 ? '' : ' open'}><summary>The migration wrote ${changes} entr${changes === 1 ? 'y' : 'ies'}</summary>
${table(['Map', 'Key', 'Value'], rows)}${more > 0 ? `<p>… and ${more} more: the certificate has all of them.</p>` : ''}</details>`;
}

function activationSection({ activation }: UpgradeView): string {
  if (activation === null)
    return `<section><h2><i>4</i>Nothing else changed</h2>
<p>No activation is part of this certificate: it shows no other version of the protocol or the service, and no migration of the state.</p></section>`;
  const { changes, migration, protocol, sequence, service, signers, stateAfter, stateBefore, time, writes } =
    activation;
  const { length: steps } = activation.writeSets;
  const versions = ({ from, to }: { from: number; to: number }): string =>
    from === to ? `${to}, as before` : `${from} → <b>${to}</b>`;
  return `<section><h2><i>4</i>What became of the state</h2>
<p>When every slot ran the release, the new versions were activated in batch ${sequence}, on ${timeOf(time)}. Each of the slots ${signers.join(', ')} executed the migration and voted for the same result.</p>
${facts([
  ['Service version', versions(service)],
  ['Protocol version', versions(protocol)],
  ['State before', digest(stateBefore)],
  ['State after', digest(stateAfter)],
  ['What was written', digest(migration)],
])}
${steps === 1 ? changesOf(writes, changes) : `<p>The migration took ${steps} steps, and nothing else was ordered meanwhile. What each wrote is in the ledger, under the digest that the certificate has.</p>`}</section>`;
}

const style = `
:root{color-scheme:light;--ink:#1c2321;--soft:#5b6763;--line:#dfe4e1;--green:#1f6b4a;--red:#a2372a;--pale:#f4f7f5}
*{box-sizing:border-box}
body{margin:0;background:#e9eeeb;color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{max-width:60rem;margin:2rem auto;background:#fff;padding:3rem 3.5rem;border-radius:6px;box-shadow:0 1px 4px #0002}
header{border-bottom:3px solid var(--green);padding-bottom:1.25rem;margin-bottom:1rem}
h1{margin:0 0 .25rem;font-size:2rem;line-height:1.2;letter-spacing:-.01em}
header p{margin:.25rem 0;color:var(--soft)}
.sum{background:var(--pale);border-left:4px solid var(--green);padding:.9rem 1.2rem;margin:1.5rem 0;font-size:1.06rem}
section{margin-top:2.4rem;break-inside:avoid-page}
h2{font-size:1.25rem;margin:0 0 .6rem;display:flex;align-items:center;gap:.7rem}
h2 i{font-style:normal;font-size:.95rem;width:1.8rem;height:1.8rem;border-radius:50%;background:var(--green);color:#fff;display:grid;place-items:center;flex:none}
p{margin:.5rem 0}
code{font:.84em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
td code{overflow-wrap:anywhere}
code[title],time{white-space:nowrap}
.digest{display:inline-flex;flex-wrap:wrap;gap:0 .45em}
dl{margin:.8rem 0;border-top:1px solid var(--line)}
dl div{display:grid;grid-template-columns:11rem 1fr;gap:1rem;padding:.45rem 0;border-bottom:1px solid var(--line)}
dt{color:var(--soft)}dd{margin:0;min-width:0}
.wide{overflow-x:auto;margin:.8rem 0}
table{border-collapse:collapse;width:100%;font-size:.94rem}
th{text-align:left;font-weight:600;color:var(--soft);border-bottom:2px solid var(--line);padding:.4rem .9rem .4rem 0;white-space:nowrap}
td{border-bottom:1px solid var(--line);padding:.45rem .9rem .45rem 0;vertical-align:top}
.yes{color:var(--green)}.no{color:var(--red)}
summary{cursor:pointer;color:var(--green);font-weight:600;margin:.8rem 0}
pre{background:var(--pale);padding:.8rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere;margin:.6rem 0}
footer{margin-top:2.6rem;border-top:1px solid var(--line);padding-top:1rem;color:var(--soft);font-size:.94rem}
@media(max-width:40rem){main{margin:0;padding:1.5rem;border-radius:0}dl div{grid-template-columns:1fr;gap:.1rem}}
@media print{body{background:#fff;font-size:11pt}main{box-shadow:none;margin:0;padding:0;max-width:none}}`;

const opening = '<script type="application/vnd.coppice.upgrade-certificate;base64" id="certificate">';
const closing = '</script>';

export function htmlForm(view: UpgradeView): string {
  const { activation, approval, certificate, name, service, slots } = view;
  const last = slots.reduce((latest, { seated }) => Math.max(latest, seated), 0);
  const { service: code, protocol } = activation ?? {};
  const migrated =
    code !== undefined && code.from !== code.to
      ? ` Then its state was migrated from version ${code.from} to version ${code.to}.`
      : protocol !== undefined
        ? ` Then version ${protocol.to} of the protocol was activated.`
        : '';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Upgrade of ${escaped(name)}</title><style>${style}
</style></head><body><main>
<header><h1>Upgrade certificate</h1><p>Service <b>${escaped(name)}</b></p><p>${digest(service)}</p></header>
<p class="sum">${approval.approvals} members approved a new release of <b>${escaped(name)}</b>. All ${slots.length} slots moved to it, one after the other, by ${timeOf(last)}.${migrated}</p>
${approvalSection(view)}
${releaseSection(view)}
${slotsSection(view)}
${activationSection(view)}
<footer><p>This page is worth what it can be verified by. It holds the certificate itself: votes of the replicas, the members’ signatures, and the chain of epochs from the founding of the service on. With the digest of the service,
from a source that you trust, one command checks all of it, and that this page says nothing else:</p>
<pre>npx coppice upgrade verify THIS-FILE --genesis ${service}</pre><p>Times are those that the replicas agreed on.</p></footer>
</main>${opening}${certificate}${closing}</body></html>
`;
}

/** The certificate in a page, if there is one. */
export function certificateInPage(page: string): string | undefined {
  const start = page.lastIndexOf(opening);
  const end = page.lastIndexOf(closing);
  return start < 0 || end < start ? undefined : page.slice(start + opening.length, end);
}
