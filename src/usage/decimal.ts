/** Exact decimals: amounts of money are added digit by digit. */
import { Big } from 'big.js';

/** Big as it is, but that it refuses JavaScript numbers: an amount that has been one has lost digits. */
export const Decimal = Big();
Decimal.strict = true;
