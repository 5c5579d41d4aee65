/**
 * Every relative link of every Markdown file leads somewhere: to a file or folder, and to a heading if it names one.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { filesIn, root } from './workspaces.ts';

/** The fragment by which forges link a heading: lower case, no punctuation, spaces as hyphens. */
function fragmentOf(heading: string): string {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');
}

/** The text of a Markdown file without code, in which brackets are no links. */
function proseOf(path: string): string {
  return readFileSync(path, 'utf8')
    .replaceAll(/^ *(```|~~~).*?^ *\1/gms, '')
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ''));
}

function fragmentsOf(path: string): Set<string> {
  const prose = proseOf(path);
  const headings = [...prose.matchAll(/^#+ +(.*)$/gm)].map(([, heading]) => fragmentOf(heading!));
  const anchors = [...prose.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, anchor]) => anchor!);
  return new Set([...headings, ...anchors]);
}

const problems: string[] = [];
for (const file of filesIn(['.'], '**/*.md')) {
  const path = resolve(root, file);
  const prose = proseOf(path);
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map(([, target]) => target!);
  const references = [...prose.matchAll(/^ {0,3}\[[^\]]+\]:\s+<?(\S+?)>?$/gm)].map(([, target]) => target!);
  for (const link of [...inline, ...references]) {
    if (/^[a-z][a-z+.-]*:/i.test(link)) continue;
    const [target, fragment] = link.split('#', 2) as [string, string?];
    const linked = target === '' ? path : resolve(dirname(path), decodeURIComponent(target));
    if (!existsSync(linked) || relative(root, linked).startsWith('..')) problems.push(`${file}: ${link} leads nowhere`);
    else if (
      fragment !== undefined &&
      linked.endsWith('.md') &&
      statSync(linked).isFile() &&
      !fragmentsOf(linked).has(fragment)
    ) {
      problems.push(`${file}: ${link}: no such heading`);
    }
  }
}

for (const problem of problems) console.log(problem);
if (problems.length > 0) process.exitCode = 1;
