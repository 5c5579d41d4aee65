/**
 * The names that instrumented scripts and the runtime that loads them agree on.
 */

/** What the runtime is called within a script. No name of a script may begin with it. */
export const probeName = '$coppice';

/** The variable that a bundled script must declare: the module whose default export is the service. */
export const scriptVariable = 'service';

/** What an instrumented script begins with. */
export const scriptHeader = '"coppice service script 1";';

/** The level of the language that scripts are written in. What came later is lowered by the bundler. */
export const languageLevel = 2021;

/** The globals that a script sees. Everything else is absent. */
export const globalNames = [
  'undefined',
  'NaN',
  'Infinity',
  'isNaN',
  'isFinite',
  'parseFloat',
  'parseInt',
  'encodeURI',
  'encodeURIComponent',
  'decodeURI',
  'decodeURIComponent',
  'Object',
  'Function',
  'Array',
  'String',
  'Number',
  'Boolean',
  'Symbol',
  'BigInt',
  'Date',
  'RegExp',
  'Map',
  'Set',
  'WeakMap',
  'WeakSet',
  'Promise',
  'Error',
  'AggregateError',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
  'ArrayBuffer',
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'BigInt64Array',
  'BigUint64Array',
  'JSON',
  'Math',
  'Reflect',
  'console',
] as const;
