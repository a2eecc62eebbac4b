const puppeteer = require('puppeteer-core');

async function main() {
  const browser = await puppeteer.launch({ executablePath: process.env.PUPPETEER_EXECUTABLE_PATH, args: ['--no-sandbox'] });
  const page = await browser.newPage();
  await page.goto(process.argv[2]);
  await page.screenshot({ path: '/out/shot.png' });
  await browser.close();
}
main();
