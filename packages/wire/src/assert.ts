/**
 * Assertions: statements about *our own* state. They stay on in production: a replica that stops costs liveness, one
 * that goes on with a broken invariant costs safety. Never about what a peer or a client sent.
 */
export class AssertionError extends Error {
  override name = 'AssertionError';
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
