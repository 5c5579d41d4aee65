export * from './hpke.ts';
export * from './node.ts';
export * from './x509.ts';
