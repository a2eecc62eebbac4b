<?php
echo imagecreate(1, 1) ? 'ready' : 'no gd';
