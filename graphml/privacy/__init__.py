"""Pure functions over tables that run before anything is stored."""
