/** Debian's Chromium, by remote control, with no business of its own on the network. */
import { type Browser, chromium } from 'playwright-core';

/** A browser with a new, empty profile. @param executablePath where it is */
export async function launchBrowser(executablePath: string): Promise<Browser> {
  return await chromium.launch({
    executablePath,
    args: [
      // The machines that test have no user to keep it apart from.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
