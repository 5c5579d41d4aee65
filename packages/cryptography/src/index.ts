export * from './hpke.ts';
export { layout } from './layout.ts';
export * from './node.ts';
export * from './twofold-signer.ts';
export * from './x509.ts';
