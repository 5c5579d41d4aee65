/**
 * What a new-view adopts: a second reading of spec/view-change.md, line 13.
 */
import type { NewView } from '@coppice/wire';

export type Prepared = NonNullable<NewView['viewChanges'][number]['prepared']>;

/** Ascending by view, then sequence number. */
export function byViewThenSequence(a: Prepared, b: Prepared): number {
  const [one, other] = [a.certificate.subject, b.certificate.subject];
  return one.view - other.view || one.sequence - other.sequence;
}

/** What the view changes of a new-view name, highest last. */
export function preparedOf({ viewChanges }: NewView): Prepared[] {
  return viewChanges.flatMap(({ prepared }) => prepared ?? []).sort(byViewThenSequence);
}
