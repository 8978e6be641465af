"""From landing files to the received segments of each day, each content once, whatever it is called."""
