/**
 * What conformance.ts runs besides: all tests of the protocol, scenarios and properties too, which it puts before this. Prints how
 * many there were.
 */
import { count } from './conformance-tests.ts';

console.log(JSON.stringify({ tests: count }));
