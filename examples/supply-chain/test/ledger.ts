/** The service in memory. */
import type { Client as ClientOf } from '@coppice/service';
import { type TestService, testService } from '@coppice/service/testing';
import service from '../src/service.ts';

export type Client = ClientOf<typeof service>;
export type Ledger = TestService<typeof service>;

export function openLedger(): Ledger {
  return testService(service);
}

/** One client of a ledger of its own. */
export function open(): Client {
  return openLedger().as('client');
}
