/** The service, and the check of documents that a client may run before it sends one. */
export { default } from './service.ts';
export { checkDocument } from './epcis/document.ts';
export type { Document, EpcisDocument, EpcisEvent, EpcisQueryDocument } from './event.ts';
