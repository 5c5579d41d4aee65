/** Whole clusters in one thread, from one seed. docs/explanation/simulation.md. */
export { faultKinds } from './faults.ts';
export { attackerKinds } from './faulty/index.ts';
export { type Choices, smallPlan } from './plan.ts';
export { type Outcome, simulate, type SimulationOptions } from './simulation.ts';
