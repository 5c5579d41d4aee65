/**
 * What must be done before SES is imported, and so is a module of its own.
 *
 * SES gives engines that have no immutable buffers a version of its own, for which it replaces what `ArrayBuffer` has
 * by slower functions, for good. Nobody here needs it: an engine that seems to have them is left alone.
 */
export const immutableBuffers = ['immutable', 'transferToImmutable', 'sliceToImmutable'] as const;

for (const name of immutableBuffers) Reflect.deleteProperty(ArrayBuffer.prototype, name);
Reflect.defineProperty(ArrayBuffer.prototype, 'sliceToImmutable', { value: () => {}, configurable: true });
