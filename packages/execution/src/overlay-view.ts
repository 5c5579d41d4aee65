/**
 * Reading an overlay between its transactions.
 */
import type { Overlay, Range, View } from '@coppice/state';

/** What an overlay, with all below it, holds at each call. No transaction may be open on it then. */
export function overlayView(overlay: Overlay): View {
  const read = <T>(ask: (view: View) => T): T => {
    const tx = overlay.transaction();
    const answer = ask(tx);
    tx.abort();
    return answer;
  };
  return {
    get: (map, key) => read((view) => view.get(map, key)),
    has: (map, key) => read((view) => view.has(map, key)),
    entries: (map, range?: Range) => read((view) => [...view.entries(map, range)]).values(),
  };
}
