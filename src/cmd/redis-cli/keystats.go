package main

func (c *cli) keyStats() int { return 1 }
