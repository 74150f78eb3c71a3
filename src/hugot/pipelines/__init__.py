"""Running tasks: the public class `Pipeline`, and the class `Runner`, which does the work."""
