const { createCanvas } = require('canvas');

process.stdout.write(createCanvas(64, 64).toBuffer());
