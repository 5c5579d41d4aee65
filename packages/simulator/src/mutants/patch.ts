/**
 * Deliberate bugs are put in while the source is loaded: the code on disk, and in production, knows nothing of them.
 *
 * A text that is not found exactly once means that the code has moved on without its mutant. That is an error, never a
 * mutant that does nothing.
 */
import { registerHooks } from 'node:module';

export interface Patch {
  /** Below `packages/`. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly text: string;
  readonly instead: string;
}

export class PatchError extends Error {}

/** `source`, changed as the patches of its file say. */
export function patched(source: string, patches: readonly Patch[]): string {
  let changed = source;
  for (const { file, text, instead } of patches) {
    const found = changed.split(text).length - 1;
    if (found !== 1) throw new PatchError(`${file} has this text ${found} times, not once:\n${text}`);
    // A function, because `$` means something in a replacement.
    changed = changed.replace(text, () => instead);
  }
  return changed;
}

/** Changes what is loaded from now on, in this thread. What it returns ends that, and throws if a file was never loaded. */
export function mutate(patches: readonly Patch[]): () => void {
  const waiting = new Set(patches);
  const hooks = registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const own = patches.filter(({ file }) => url.endsWith(`/packages/${file}`));
      if (own.length === 0) return loaded;
      const { source } = loaded;
      if (source === null || source === undefined) throw new PatchError(`${url} has no source`);
      for (const patch of own) waiting.delete(patch);
      const text = typeof source === 'string' ? source : new TextDecoder().decode(source);
      return { ...loaded, source: patched(text, own) };
    },
  });
  return () => {
    hooks.deregister();
    for (const { file } of waiting) throw new PatchError(`${file} was never loaded`);
  };
}
