export { keepArchiving } from './archiving.ts';
export { fleetStatus, statusLines } from './commands/status.ts';
export { auditFolder, receiptText } from './commands/verify.ts';
export { recognise } from './evidence/recognise.ts';
export { decide } from './governing.ts';
export * from './intruder.ts';
export { parseLocalRuntimes } from './local-runtimes.ts';
export * from './local-service.ts';
export * from './service-folder.ts';
