-- Put after the prelude in all scripts but `boot`.

if call('EXISTS', BOOT) == 0 then return { 'boot' } end
