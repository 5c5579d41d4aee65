/**
 * A picture of who said what to whom about some sequence numbers: a lifeline for each instance, an arrow for each
 * message, from when it was sent to when it arrived.
 *
 * Messages of the agreement belong to their sequence numbers; view changes, new-views and whatever helps a replica to
 * catch up are shown as far as they fall in the same time. Time runs downwards; where nothing happens, it is drawn shorter.
 */
import { type Message, messageCodec, type Report } from '@coppice/protocol';
import { decode } from '@coppice/wire';
import type { Instance } from './instance.ts';
import type { Endpoint } from './network.ts';
import type { Observer } from './observer.ts';

/** A message to one instance, or to several that were told at once. */
interface Arrow {
  readonly sentAt: number;
  readonly label: string;
  readonly from: Endpoint;
  readonly to: { readonly endpoint: Endpoint; readonly at: number }[];
}

interface Mark {
  readonly at: number;
  readonly instance: Endpoint;
  readonly label: string;
}

interface Shown {
  readonly columns: readonly Endpoint[];
  readonly arrows: readonly Arrow[];
  readonly marks: readonly Mark[];
}

/** Chatter. */
const left = new Set<Message['kind']>(['status', 'forward', 'fetch-state', 'state']);

export class Diagram implements Observer {
  readonly name = 'diagram';
  readonly #window: { readonly from: number; readonly to: number };
  /** Those about the sequence numbers asked for, and all that are about none. */
  readonly #own: Arrow[] = [];
  readonly #others: Arrow[] = [];
  readonly #ownMarks: Mark[] = [];
  readonly #otherMarks: Mark[] = [];
  readonly #open = new Map<string, Arrow>();

  constructor(window: { readonly from: number; readonly to: number }) {
    this.#window = window;
  }

  delivered(from: Endpoint, to: Endpoint, frame: Uint8Array, sentAt: number, at: number): void {
    const decoded = decode(messageCodec, frame);
    if (!decoded.ok || left.has(decoded.value.kind)) return;
    const { label, sequences } = describe(decoded.value);
    const own = sequences.some((sequence) => this.#inWindow(sequence));
    if (!own && sequences.length > 0) return;
    const key = `${from.number} ${sentAt} ${label}`;
    let arrow = this.#open.get(key);
    if (arrow === undefined) {
      arrow = { sentAt, label, from, to: [] };
      this.#open.set(key, arrow);
      (own ? this.#own : this.#others).push(arrow);
    }
    arrow.to.push({ endpoint: to, at });
  }

  committed(instance: Instance, { header }: { readonly header: { readonly sequence: number } }): void {
    const { sequence } = header;
    if (this.#inWindow(sequence)) this.#mark(this.#ownMarks, instance, `committed ${sequence}`);
  }

  reported(instance: Instance, report: Report): void {
    if (report.kind === 'view') this.#mark(this.#otherMarks, instance, `view ${report.view}`);
    if (report.kind === 'fault') this.#mark(this.#otherMarks, instance, `proves a fault of slot ${report.proof.slot}`);
    if (report.kind === 'installed') this.#mark(this.#otherMarks, instance, `has the state after ${report.sequence}`);
  }

  #mark(marks: Mark[], instance: Instance, label: string): void {
    marks.push({ at: instance.world.scheduler.now, instance, label });
  }

  #inWindow(sequence: number): boolean {
    return sequence >= this.#window.from && sequence <= this.#window.to;
  }

  #shown(): Shown {
    const times = [...this.#own.flatMap(({ sentAt, to }) => [sentAt, ...to.map(({ at }) => at)])];
    const within = (at: number): boolean => at >= Math.min(...times) && at <= Math.max(...times);
    const arrows = [...this.#own, ...this.#others.filter(({ sentAt }) => within(sentAt))];
    const marks = [...this.#ownMarks, ...this.#otherMarks].filter(({ at }) => within(at));
    const columns = new Set([...arrows.flatMap(({ from, to }) => [from, ...to.map(({ endpoint }) => endpoint)])]);
    return {
      columns: [...columns].sort((a, b) => a.number - b.number),
      arrows: arrows.sort((a, b) => a.sentAt - b.sentAt || a.from.number - b.from.number),
      marks: marks.sort((a, b) => a.at - b.at),
    };
  }

  /** A line for each message that was sent, and for each mark. */
  text(): string {
    const { columns, arrows, marks } = this.#shown();
    if (columns.length === 0) return 'nobody said anything about that';
    const placeOf = new Map(columns.map((endpoint, i) => [endpoint, i]));
    const line = (at: number, cells: readonly string[], label: string): string =>
      `${(at / 1000).toFixed(3).padStart(9)}  ${cells.join('')} ${label}`.trimEnd();
    const lifelines = columns.map(() => '│'.padEnd(cellWidth));
    const lines = [
      ...marks.map(({ at, instance, label }) => {
        const column = placeOf.get(instance);
        const cells = lifelines.map((cell, i) => (i === column ? '■'.padEnd(cellWidth) : cell));
        return { at, line: line(at, cells, label) };
      }),
      ...arrows.map(({ sentAt, label, from, to }) => {
        const source = placeOf.get(from)!;
        const targets = new Set(to.map(({ endpoint }) => placeOf.get(endpoint)!));
        const [low, high] = [Math.min(source, ...targets), Math.max(source, ...targets)];
        const cells = lifelines.map((cell, i) => {
          if (i < low || i > high) return cell;
          const head = i === source ? '●' : !targets.has(i) ? '─' : i < source ? '◀' : '▶';
          return head.padEnd(cellWidth, i < high ? '─' : ' ');
        });
        return { at: sentAt, line: line(sentAt, cells, label) };
      }),
    ];
    const names = columns.map(({ name }) => name.padEnd(cellWidth)).join('');
    return [`     time  ${names}`, ...lines.sort((a, b) => a.at - b.at).map((one) => one.line)].join('\n');
  }

  svg(): string {
    const { columns, arrows, marks } = this.#shown();
    const x = new Map(columns.map((endpoint, i) => [endpoint, margin + i * columnWidth]));
    const labels = [
      ...arrows.map(({ sentAt, label, from }) => ({ at: sentAt, beside: from, label })),
      ...marks.map(({ at, instance, label }) => ({ at, beside: instance, label })),
    ].filter(({ beside }) => x.has(beside));
    const times = [...labels.map(({ at }) => at), ...arrows.flatMap(({ to }) => to.map(({ at }) => at))];
    const y = timeline(times, labels);
    const bottom = Math.max(margin, ...y.values()) + margin;
    const stacked = new Map<string, number>();
    const width = 2 * margin + columns.length * columnWidth;
    const shapes = [
      ...columns.map(
        (endpoint) =>
          `<line class="life" x1="${x.get(endpoint)}" y1="${margin - 20}" x2="${x.get(endpoint)}" y2="${bottom}"/>` +
          `<text class="name" x="${x.get(endpoint)}" y="${margin - 28}">${endpoint.name}</text>`,
      ),
      ...[...y]
        .filter(([, at], i, all) => i === 0 || at - all[i - 1]![1] > 9)
        .map(([at, top]) => `<text class="time" x="4" y="${top + 3}">${(at / 1000).toFixed(3)}</text>`),
      ...arrows.flatMap(({ sentAt, label, from, to }) =>
        to.map(({ endpoint, at }) => {
          const [x1, y1, x2, y2] = [x.get(from)!, y.get(sentAt)!, x.get(endpoint)!, y.get(at)!];
          const kind = label.split(' ')[0]!;
          const title = `<title>${label}, ${from.name} to ${endpoint.name}, ${sentAt}–${at} ms</title>`;
          return `<line class="${kind}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" marker-end="url(#head)">${title}</line>`;
        }),
      ),
      ...marks
        .filter(({ instance }) => x.has(instance))
        .map(
          ({ at, instance }) =>
            `<rect class="mark" x="${x.get(instance)! - 3}" y="${y.get(at)! - 3}" width="6" height="6"/>`,
        ),
      // Those of one instance and moment are one below the other.
      ...labels.map(({ at, beside, label }) => {
        const place = `${beside.number} ${at}`;
        const above = stacked.get(place) ?? 0;
        stacked.set(place, above + 1);
        return `<text class="label" x="${x.get(beside)! + 5}" y="${y.get(at)! + 3 + above * labelHeight}">${label}</text>`;
      }),
    ];
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${bottom + 10}" width="${width}" height="${bottom + 10}">
<style>${style}</style>
<defs><marker id="head" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" orient="auto"><path d="M0,0 L6,3 L0,6 z"/></marker></defs>
${shapes.join('\n')}
</svg>
`;
  }
}

/** Of a column of the text, in characters. */
const cellWidth = 9;
/** In pixels. */
const margin = 60;
const columnWidth = 170;
const pixelsPerMs = 6;
/** So much of an interval in which nothing happens. */
const gapMax = 40;
const labelHeight = 9;

const style = `
svg { background: white; font: 9px sans-serif }
line { stroke: #555 } .life { stroke: #bbb } .name { font-weight: bold; text-anchor: middle }
.pre-prepare { stroke: #0072b2; stroke-width: 1.5 } .prepare { stroke: #56b4e9 } .commit { stroke: #009e73 }
.view-change { stroke: #e69f00 } .new-view { stroke: #d55e00; stroke-width: 1.5 } .echo, .refusal { stroke: #cc79a7 }
.mark { fill: #000 } .time { fill: #777 }
.label { fill: #333; font-size: 8px; paint-order: stroke; stroke: white; stroke-width: 2px }`;

/** Where each time is drawn: no label of an instance above the bottom of its last one. */
function timeline(
  times: readonly number[],
  labels: readonly { readonly at: number; readonly beside: Endpoint }[],
): Map<number, number> {
  const labelled = Map.groupBy(labels, ({ at }) => at);
  const free = new Map<Endpoint, number>();
  const places = new Map<number, number>();
  let top = margin;
  let last: number | undefined;
  for (const time of [...new Set(times)].sort((a, b) => a - b)) {
    if (last !== undefined) top += Math.min((time - last) * pixelsPerMs, gapMax);
    const here = labelled.get(time) ?? [];
    for (const { beside } of here) top = Math.max(top, free.get(beside) ?? 0);
    for (const [beside, own] of Map.groupBy(here, (one) => one.beside))
      free.set(beside, top + own.length * labelHeight);
    places.set(time, top);
    last = time;
  }
  return places;
}

/** What a message says, in short, and about which sequence numbers. */
function describe(message: Message): { readonly label: string; readonly sequences: readonly number[] } {
  const { kind } = message;
  const about = (...sequences: number[]) => ({ label: `${kind} ${sequences.join(' ')}`, sequences });
  switch (message.kind) {
    case 'pre-prepare':
      return about(message.header.sequence);
    case 'prepare':
    case 'echo':
      return about(message.vote.subject.sequence);
    case 'commit':
      return about(...message.reveals.map(({ sequence }) => sequence));
    case 'refusal':
      return about(message.refusal.sequence);
    case 'checkpoint':
    case 'fetch-outcomes':
    case 'outcomes':
      return about(message.sequence);
    case 'view-change': {
      const { view, prepared } = message.viewChange;
      const named = prepared && `${prepared.header.sequence} of view ${prepared.certificate.subject.view}`;
      return { label: `${kind} to ${view}: ${named ?? 'nothing'}`, sequences: [] };
    }
    case 'new-view':
      return { label: `${kind} ${message.newView.view}`, sequences: [] };
    case 'fetch':
      return { label: `${kind} from ${message.from}`, sequences: [] };
    case 'fetch-held':
      return { label: `${kind} ${message.from} to ${message.sequence}`, sequences: [] };
    case 'entries':
    case 'held': {
      const [first, last] = [message.entries[0], message.entries.at(-1)];
      return { label: `${kind} ${first?.header.sequence ?? ''} to ${last?.header.sequence ?? ''}`, sequences: [] };
    }
    case 'snapshot':
      return { label: `${kind} ${message.certificate.sequence}`, sequences: [] };
    default:
      return { label: kind, sequences: [] };
  }
}
