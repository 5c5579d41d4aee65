/**
 * What conformance.ts runs besides: all tests of the protocol, scenarios and properties too. Prints how many there were.
 */
// oxlint-disable no-unassigned-import
import '../packages/protocol/test/cluster.test.ts';
import '../packages/protocol/test/membership.property.test.ts';
import '../packages/protocol/test/peers.test.ts';
import '../packages/protocol/test/safety.test.ts';
import '../packages/protocol/test/scenarios.test.ts';
import '../packages/protocol/test/state-transfer.test.ts';
import '../packages/protocol/test/turn-admission.test.ts';
import '../packages/protocol/test/turn-notices.test.ts';
import '../packages/protocol/test/turn.test.ts';
import { count } from './conformance-tests.ts';

console.log(JSON.stringify({ tests: count }));
