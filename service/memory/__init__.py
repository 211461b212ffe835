"""What runs remember: taken from runs that ended, made anew from all of them, and erased with their people."""
