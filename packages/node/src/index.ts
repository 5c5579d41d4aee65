export { type Loot } from './breach.ts';
export { selfSignedCertificate } from './certificate.ts';
export { historyFolders, readDataFolder, recallBatch } from './records.ts';
export { readSealedFolder } from './sealed-folder.ts';
export { encodeMessage } from './replica-node.ts';
export { parseSettings } from './settings.ts';
export type { NodeStatus } from './status.ts';
export { openKeyFiles } from './vault.ts';
