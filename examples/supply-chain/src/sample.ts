/**
 * One story, in fourteen documents: olive oil, from two groves to a shop.
 *
 * Olives of two lots go to the mill in bins, become oil and pomace in one pressing, and the oil becomes six bottles. The
 * bottles travel in two cases on a pallet with a temperature logger; the mill first reports the wrong dock, and
 * corrects that; the truck gets too warm; the shop unpacks one case, and sells a bottle.
 */
import harvest from '../sample/01-harvest.json' with { type: 'json' };
import loadBins from '../sample/02-load-bins.json' with { type: 'json' };
import shipOlives from '../sample/03-ship-olives.json' with { type: 'json' };
import receiveOlives from '../sample/04-receive-olives.json' with { type: 'json' };
import press from '../sample/05-press.json' with { type: 'json' };
import tank from '../sample/06-tank.json' with { type: 'json' };
import bottle from '../sample/07-bottle.json' with { type: 'json' };
import pack from '../sample/08-pack.json' with { type: 'json' };
import shipPallet from '../sample/09-ship-pallet.json' with { type: 'json' };
import correctShipment from '../sample/10-correct-shipment.json' with { type: 'json' };
import transport from '../sample/11-transport.json' with { type: 'json' };
import receivePallet from '../sample/12-receive-pallet.json' with { type: 'json' };
import unpack from '../sample/13-unpack.json' with { type: 'json' };
import sell from '../sample/14-sell.json' with { type: 'json' };

export const sample = [
  harvest,
  loadBins,
  shipOlives,
  receiveOlives,
  press,
  tank,
  bottle,
  pack,
  shipPallet,
  correctShipment,
  transport,
  receivePallet,
  unpack,
  sell,
] as const;
