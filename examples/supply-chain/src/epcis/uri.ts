/**
 * URIs (RFC 3986), as the EPCIS schema's validators accept them.
 *
 * Identifiers are the commonest thing in an event, so almost every URI is decided by one regular expression whose parts
 * share no character: it never has two ways to match, and so takes time linear in the text. Only an IP literal
 * in brackets needs more, and is taken apart by hand.
 *
 * Authority and path are not told apart otherwise: validators allow a single slash before an authority, which may be
 * empty, and with that every run of path characters and slashes is a URI's hierarchical part.
 */

const name = "A-Za-z0-9\\-._~!$&'()*+,;=";
const scheme = '[A-Za-z][A-Za-z0-9+.-]*:';
const simple = new RegExp(
  `^${scheme}(?=[^?#])${run(`${name}:@/`)}(?:\\?${run(`${name}:@/?`)})?(?:#${run(`${name}:@/?`)})?$`,
);

/** What may stand before an IP literal: scheme, one or two slashes, user information. */
const beforeLiteral = new RegExp(`^${scheme}//?(?:${run(`${name}:`)}@)?$`);
/** What may stand after it: a port, then nothing or the rest. */
const port = /^(?::[0-9]*)?/;
const futureAddress = new RegExp(`^[Vv][0-9A-Fa-f]+\\.[${name}:]+$`);
const group = /^[0-9A-Fa-f]{1,4}$/;
const octet = /^[0-9]{1,3}$/;

/** A pattern for any number of the characters and percent-encoded bytes. */
function run(characters: string): string {
  return `[${characters}]*(?:%[0-9A-Fa-f]{2}[${characters}]*)*`;
}

/** Whether `text` is an absolute URI. */
export function isUri(text: string): boolean {
  if (simple.test(text)) return true;
  const open = text.indexOf('[');
  const close = text.indexOf(']', open);
  if (open < 0 || close < 0) return false;
  if (!beforeLiteral.test(text.slice(0, open))) return false;
  const address = text.slice(open + 1, close);
  if (!isIPv6(address) && !futureAddress.test(address)) return false;
  const rest = text.slice(close + 1).replace(port, '');
  return rest === '' || ('/?#'.includes(rest.charAt(0)) && simple.test(`x:/${rest}`));
}

/** Whether `text` is an IPv6 address: eight groups, or fewer around one `::`; an IPv4 address may stand for the last two. */
function isIPv6(text: string): boolean {
  if (text.length > 45) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.map((half, i) => groupsIn(half, i === halves.length - 1));
  if (groups.includes(undefined)) return false;
  const count = groups.reduce<number>((sum, n) => sum + n!, 0);
  return halves.length === 1 ? count === 8 : count <= 7;
}

/** The number of 16-bit groups in `text`, or `undefined` where it is malformed. */
function groupsIn(text: string, last: boolean): number | undefined {
  if (text === '') return 0;
  const parts = text.split(':');
  const end = parts[parts.length - 1]!;
  const withIPv4 = last && isIPv4(end);
  if (withIPv4) parts.pop();
  if (!parts.every((part) => group.test(part))) return undefined;
  return parts.length + (withIPv4 ? 2 : 0);
}

function isIPv4(text: string): boolean {
  const octets = text.split('.');
  return octets.length === 4 && octets.every((part) => octet.test(part) && Number(part) <= 255);
}
